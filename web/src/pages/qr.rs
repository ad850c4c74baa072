//! A text as a QR code.

use qrcode::QrCode;
use qrcode::render::svg;

/// SVG, dark on a white field, so that phones read it in the dark theme, too. The text stands beside it, so the picture
/// is hidden from readers of screens.
pub(crate) fn picture(text: &str) -> Option<String> {
    let code = QrCode::new(text.as_bytes()).ok()?;
    let drawn = code
        .render::<svg::Color<'_>>()
        .min_dimensions(180, 180)
        .quiet_zone(true)
        .dark_color(svg::Color("#000"))
        .light_color(svg::Color("#fff"))
        .build();
    // Inside a page there is no XML declaration.
    let from = drawn.find("<svg")?;
    let svg = drawn.get(from..)?;
    Some(svg.replacen("<svg", "<svg aria-hidden=\"true\"", 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_a_picture_without_style_or_script() {
        let drawn =
            picture("http://localhost:5000/invite/0123456789abcdef0123").unwrap_or_default();
        assert!(
            drawn.starts_with("<svg") && drawn.ends_with("</svg>"),
            "{drawn}"
        );
        assert!(!drawn.contains("style=") && !drawn.contains("<script"));
    }
}
