//! Pictures from outside: opened within bounds, cut square, made anew as WebP. Nothing of the file that
//! came is passed on: no places, no names of cameras, no bytes that are no picture.

use std::io::Cursor;

use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ImageDecoder, ImageFormat, Limits, imageops::FilterType};

use crate::error::Reason;

/// Bytes of a picture that a person chooses (Q30).
pub(crate) const UPLOAD: usize = 5 * 1024 * 1024;
/// Sides of what is shown, pixels: large and small.
pub(crate) const LARGE: u32 = 512;
/// See [`LARGE`].
pub(crate) const SMALL: u32 = 128;
/// The longest side that is opened, pixels, and how many pixels in all: a file of a few bytes can claim
/// any size, and each pixel takes four bytes of memory.
const SIDE: u32 = 12_000;
pub(crate) const PIXELS: u64 = 40_000_000;
/// Pixels of a picture that another node made: it is small already.
pub(crate) const PIXELS_OF_PEERS: u64 = 2_048 * 2_048;
/// Memory a decoder may take, bytes.
const MEMORY: u64 = 192 * 1024 * 1024;
/// Quality of the WebP: a photo of 512 pixels takes about 25 KB.
const QUALITY: f32 = 80.0;

/// Why a picture is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadPicture {
    /// No bytes at all.
    Empty,
    /// Not PNG, JPEG or WebP.
    Kind,
    /// More bytes or pixels than are opened.
    Large,
    /// Several frames.
    Animated,
    /// Broken off, or damaged.
    Damaged,
}

impl BadPicture {
    /// As the reason of a form's field.
    pub(crate) fn reason(self) -> Reason {
        match self {
            Self::Empty => Reason::Empty,
            Self::Kind => Reason::Characters,
            Self::Large => Reason::Long,
            Self::Animated => Reason::Animated,
            Self::Damaged => Reason::Malformed,
        }
    }
}

/// A square picture in both sizes.
pub(crate) struct Square {
    /// [`LARGE`] pixels.
    pub(crate) large: Vec<u8>,
    /// [`SMALL`] pixels.
    pub(crate) small: Vec<u8>,
}

/// Opens a picture, cuts the square out of its middle and writes it in both sizes. Slow: not for async
/// threads. At most `pixels` are opened.
pub(crate) fn square(bytes: &[u8], pixels: u64) -> Result<Square, BadPicture> {
    if bytes.is_empty() {
        return Err(BadPicture::Empty);
    }
    if bytes.len() > UPLOAD {
        return Err(BadPicture::Large);
    }
    let image = open(bytes, pixels)?;
    let side = image.width().min(image.height());
    let (left, top) = ((image.width() - side) / 2, (image.height() - side) / 2);
    let mut image = image.crop_imm(left, top, side, side);
    // A quick pass first: the good filter looks at every pixel many times.
    if side > LARGE * 2 {
        image = image.thumbnail_exact(LARGE * 2, LARGE * 2);
    }
    let scaled = |to: u32| {
        let pixels = image
            .resize_exact(to, to, FilterType::CatmullRom)
            .to_rgba8();
        let written = webp::Encoder::from_rgba(&pixels, to, to).encode(QUALITY);
        written.to_vec()
    };
    Ok(Square {
        large: scaled(LARGE),
        small: scaled(SMALL),
    })
}

/// Opens a picture of a kind we know, within bounds, turned as its camera was held.
fn open(bytes: &[u8], pixels: u64) -> Result<DynamicImage, BadPicture> {
    let damaged = |_| BadPicture::Damaged;
    // By the first bytes alone: a name or a type from outside means nothing.
    match image::guess_format(bytes) {
        Ok(ImageFormat::Png) => {
            let decoder = PngDecoder::with_limits(Cursor::new(bytes), limits()).map_err(bad)?;
            if decoder.is_apng().map_err(damaged)? {
                return Err(BadPicture::Animated);
            }
            read(decoder, pixels)
        }
        Ok(ImageFormat::Jpeg) => read(JpegDecoder::new(Cursor::new(bytes)).map_err(bad)?, pixels),
        Ok(ImageFormat::WebP) => {
            let decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(bad)?;
            if decoder.has_animation() {
                return Err(BadPicture::Animated);
            }
            read(decoder, pixels)
        }
        _ => Err(BadPicture::Kind),
    }
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE);
    limits.max_image_height = Some(SIDE);
    limits.max_alloc = Some(MEMORY);
    limits
}

fn bad(error: image::ImageError) -> BadPicture {
    match error {
        image::ImageError::Limits(_) => BadPicture::Large,
        _ => BadPicture::Damaged,
    }
}

fn read(mut decoder: impl ImageDecoder, pixels: u64) -> Result<DynamicImage, BadPicture> {
    let (width, height) = decoder.dimensions();
    // Judged by the header, before one pixel is opened.
    if width > SIDE || height > SIDE || u64::from(width) * u64::from(height) > pixels {
        return Err(BadPicture::Large);
    }
    if width == 0 || height == 0 {
        return Err(BadPicture::Damaged);
    }
    decoder.set_limits(limits()).map_err(bad)?;
    let orientation = decoder.orientation().map_err(bad)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(bad)?;
    image.apply_orientation(orientation);
    Ok(image)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;

    /// A picture with another colour in each quarter.
    pub(crate) fn sample(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let image = image::RgbImage::from_fn(width, height, |x, y| {
            image::Rgb([
                if x * 2 < width { 250 } else { 10 },
                if y * 2 < height { 250 } else { 10 },
                90,
            ])
        });
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::ImageRgb8(image)
            .write_to(&mut bytes, format)
            .unwrap();
        bytes.into_inner()
    }

    fn refused(bytes: &[u8]) -> Option<BadPicture> {
        square(bytes, PIXELS).err()
    }

    #[test]
    fn any_picture_becomes_two_squares() {
        for (width, height) in [(600, 300), (300, 900), (1, 1), (40, 40), (3_000, 1_500)] {
            for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
                let made = square(&sample(width, height, format), PIXELS).unwrap();
                for (bytes, side) in [(&made.large, LARGE), (&made.small, SMALL)] {
                    let image = image::load_from_memory(bytes).unwrap();
                    assert_eq!((image.width(), image.height()), (side, side));
                    assert_eq!(image::guess_format(bytes).unwrap(), ImageFormat::WebP);
                }
            }
        }
        // A peer's may be less.
        assert!(square(&sample(2_100, 2_100, ImageFormat::Png), PIXELS_OF_PEERS).is_err());
        // The middle is kept: a wide picture loses its sides alike.
        let made = square(&sample(900, 300, ImageFormat::Png), PIXELS).unwrap();
        let image = image::load_from_memory(&made.large).unwrap().to_rgb8();
        let red = |x: u32| image.get_pixel(x, 100).0.first().copied().unwrap_or(0);
        assert!(red(50) > 200 && red(460) < 60, "{} {}", red(50), red(460));
    }

    #[test]
    fn what_is_no_picture_is_told_apart() {
        assert_eq!(refused(b""), Some(BadPicture::Empty));
        for text in [
            &b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>"[..],
            b"GIF89a\x01\0\x01\0\0\0\0;",
            b"<!doctype html><p>hi",
            b"%PDF-1.7",
            &[0; 1_000],
        ] {
            assert_eq!(refused(text), Some(BadPicture::Kind));
        }
        assert_eq!(
            refused(&vec![7; UPLOAD + 1]),
            Some(BadPicture::Large),
            "too many bytes"
        );
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
            let whole = sample(200, 200, format);
            for cut in [20, whole.len() / 2] {
                let outcome = refused(whole.get(..cut).unwrap());
                // JPEG allows a picture to break off; what is there of it is shown then.
                assert!(
                    outcome == Some(BadPicture::Damaged)
                        || (outcome.is_none() && format == ImageFormat::Jpeg),
                    "{format:?} {cut}: {outcome:?}"
                );
            }
        }
    }

    /// A PNG of one line that says it has any size; `frames` makes it move.
    fn claims(width: u32, height: u32, frames: bool) -> Vec<u8> {
        fn chunk(out: &mut Vec<u8>, kind: &[u8; 4], body: &[u8]) {
            out.extend_from_slice(&u32::try_from(body.len()).unwrap().to_be_bytes());
            let from = out.len();
            out.extend_from_slice(kind);
            out.extend_from_slice(body);
            let mut crc = u32::MAX;
            for byte in out.get(from..).unwrap() {
                crc ^= u32::from(*byte);
                for _ in 0..8 {
                    crc = if crc & 1 == 1 {
                        crc >> 1 ^ 0xedb8_8320
                    } else {
                        crc >> 1
                    };
                }
            }
            out.extend_from_slice(&(!crc).to_be_bytes());
        }
        let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
        let mut head = width.to_be_bytes().to_vec();
        head.extend_from_slice(&height.to_be_bytes());
        head.extend_from_slice(&[8, 2, 0, 0, 0]);
        chunk(&mut out, b"IHDR", &head);
        if frames {
            chunk(&mut out, b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]);
        }
        chunk(
            &mut out,
            b"IDAT",
            &[0x78, 1, 1, 0, 0, 0xff, 0xff, 0, 0, 0, 1],
        );
        chunk(&mut out, b"IEND", b"");
        out
    }

    #[test]
    fn a_claimed_size_costs_nothing() {
        for (width, height) in [(60_000, 60_000), (12_001, 1), (12_000, 12_000)] {
            assert_eq!(
                refused(&claims(width, height, false)),
                Some(BadPicture::Large),
                "{width} x {height}"
            );
        }
        assert_eq!(refused(&claims(64, 64, true)), Some(BadPicture::Animated));
        assert_eq!(refused(&claims(64, 64, false)), Some(BadPicture::Damaged));
    }

    #[test]
    fn what_a_camera_wrote_is_not_passed_on() {
        let plain = sample(64, 64, ImageFormat::Jpeg);
        // An EXIF block right behind the first marker: turned by 90 degrees, and a secret place.
        let mut exif =
            b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0".to_vec();
        exif.extend_from_slice(b"55.7558N 37.6173E");
        let mut bytes = plain.get(..2).unwrap().to_vec();
        bytes.extend_from_slice(&[0xff, 0xe1]);
        bytes.extend_from_slice(&u16::try_from(exif.len() + 2).unwrap().to_be_bytes());
        bytes.extend_from_slice(&exif);
        bytes.extend_from_slice(plain.get(2..).unwrap());
        let made = square(&bytes, PIXELS).unwrap();
        for out in [&made.large, &made.small] {
            assert!(!out.windows(7).any(|w| w == b"55.7558"));
            assert!(!out.windows(4).any(|w| w == b"EXIF" || w == b"Exif"));
        }
        // Turned by its camera's word: what was at the left is at the top.
        let image = image::load_from_memory(&made.large).unwrap().to_rgb8();
        let at = |x, y| image.get_pixel(x, y).0;
        let (top_left, top_right) = (at(100, 100), at(400, 100));
        assert!(top_left.first() > Some(&200) && top_right.first() > Some(&200));
    }
}
