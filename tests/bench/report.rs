//! The figures, side by side with what they must be and should be.

use serde_json::{Value, json};

/// Which direction is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    /// Times, memory.
    Lower,
    /// Rates.
    Higher,
}

/// One figure.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    name: &'static str,
    value: f64,
    unit: &'static str,
    better: Better,
    floor: Option<f64>,
    must: Option<f64>,
    aim: Option<f64>,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Report {
    figures: Vec<Figure>,
    /// What cannot be measured on this machine.
    skipped: Vec<&'static str>,
}

/// The one figure that is a promise: its goal is all of them.
pub(crate) const CAME: &str = "node was away: messages that came";
/// What every run measures.
const FIGURES: [&str; 41] = [
    "floor: durable commit p50",
    "floor: loopback round trip p50",
    "floor: 1,000 messages signed and checked",
    "idle CPU of two connected nodes",
    "memory idle (larger node)",
    "message across two nodes p50",
    "message across two nodes p99",
    "message on one node p50",
    "pipelined across two nodes",
    "CPU of both nodes per 1,000 messages",
    "memory after load (larger node)",
    "node was away: all 2,000 there after start",
    CAME,
    "mailbox: 2,000 messages left there and collected",
    "mailbox: of that until all lie there",
    "start to ready, clean",
    "start to ready after kill -9",
    "newest page of the long chat p50",
    "long chat opens like a short one",
    "people over 20 nodes: first answer p50",
    "people over 20 nodes: all answers p50",
    "people over 20 nodes: asked again p50",
    crate::meeting::LAN,
    "joined by a link: first search answer p50",
    "200 nodes: bytes per search and node",
    "200 nodes: share that answers",
    "200 nodes: last answer p99",
    "ten hostile nodes: honest message p99",
    "ten hostile nodes: memory grows by",
    "group of 50, two nodes: deliveries",
    "group of 50, one message to the last p50",
    "group over 10 nodes, to the last p50",
    "group of 1,000: add one, over HTTP",
    "group of 1,000: remove one, over HTTP",
    "group of 1,000: send, over HTTP",
    "group of 1,000: add one, in the engine",
    "group of 1,000: remove one, in the engine",
    "group of 1,000: send, in the engine",
    "late node: history taken from members",
    "late node: newest page after",
    "many groups: memory after a message in each",
];

impl Figure {
    pub(crate) fn new(name: &'static str, value: f64, unit: &'static str, better: Better) -> Self {
        Self {
            name,
            value,
            unit,
            better,
            floor: None,
            must: None,
            aim: None,
        }
    }

    pub(crate) fn goal(mut self, must: f64, aim: f64) -> Self {
        (self.must, self.aim) = (Some(must), Some(aim));
        self
    }

    /// A goal without an aim beyond it.
    pub(crate) fn must(mut self, must: f64) -> Self {
        self.must = Some(must);
        self
    }

    pub(crate) fn floor(mut self, floor: f64) -> Self {
        self.floor = Some(floor);
        self
    }

    fn reaches(&self, goal: f64) -> bool {
        match self.better {
            Better::Lower => self.value <= goal,
            Better::Higher => self.value >= goal,
        }
    }

    fn verdict(&self) -> &'static str {
        match (self.must, self.aim) {
            (_, Some(aim)) if self.reaches(aim) => "aim reached",
            (Some(must), _) if self.reaches(must) => "must holds",
            (Some(_), _) => "MISSED",
            _ => "",
        }
    }
}

impl Report {
    /// Adds a figure and shows it at once: a run takes minutes.
    pub(crate) fn add(&mut self, figure: Figure) {
        println!(
            "  {:<44}{:>12} {}",
            figure.name,
            number(figure.value),
            figure.unit
        );
        self.figures.push(figure);
    }

    /// Leaves a figure out: the machine lacks what it needs, and that was said.
    pub(crate) fn skip(&mut self, name: &'static str) {
        self.skipped.push(name);
    }

    /// Everything, for people.
    pub(crate) fn table(&self) -> String {
        let mut out = format!(
            "\n{:<44}{:>12}{:>10}{:>12}{:>12}  {:<8}{}\n",
            "figure", "measured", "floor", "must", "aim", "unit", "verdict"
        );
        for figure in &self.figures {
            let goal = |value: Option<f64>| value.map_or_else(|| "-".into(), number);
            out.push_str(&format!(
                "{:<44}{:>12}{:>10}{:>12}{:>12}  {:<8}{}\n",
                figure.name,
                number(figure.value),
                goal(figure.floor),
                goal(figure.must),
                goal(figure.aim),
                figure.unit,
                figure.verdict()
            ));
        }
        let missed = self
            .figures
            .iter()
            .filter(|figure| figure.verdict() == "MISSED")
            .count();
        out.push_str(&format!(
            "\n{missed} of {} goals missed\n",
            self.figures
                .iter()
                .filter(|figure| figure.must.is_some())
                .count()
        ));
        out
    }

    /// What a run of any size must have and has not, or has as no number.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let mut wrong: Vec<String> = FIGURES
            .iter()
            .filter(|name| !self.figures.iter().any(|figure| figure.name == **name))
            .filter(|name| !self.skipped.contains(*name))
            .map(|name| (*name).to_owned())
            .collect();
        for figure in &self.figures {
            let right = figure.value.is_finite() && figure.value >= 0.0;
            if !right || figure.name == CAME && figure.value < 100.0 {
                wrong.push(format!("{} = {}", figure.name, figure.value));
            }
        }
        wrong
    }

    /// Everything, for programs.
    pub(crate) fn json(&self) -> String {
        let rows: Vec<Value> = self
            .figures
            .iter()
            .map(|figure| {
                let better = if figure.better == Better::Lower { "lower" } else { "higher" };
                json!({"name": figure.name, "value": figure.value, "unit": figure.unit, "better": better, "must": figure.must, "aim": figure.aim})
            })
            .collect();
        format!("{:#}\n", Value::Array(rows))
    }
}

fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1_000.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
