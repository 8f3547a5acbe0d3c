//! The drawing as inline SVG: time runs downwards, a row for everything that happened.
//!
//! A row an event keeps crowded times legible; long gaps are named, not drawn to scale. It is drawn once wide and once
//! narrow, for the page to choose from. Colours come from the page; shapes and marks tell everything without them.

use super::drawing::{Band, Drawing, Glyph, Mark};
use super::lanes::{self, Lanes};
use super::reason::Flag;
use super::words;
use maud::{Markup, html};

/// How much room there is, in pixels.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Tells ids of one drawing from those of another on the page.
    pub id: &'static str,
    width: f64,
    time: f64,
    band: f64,
    lane: f64,
    least_text: f64,
}

/// For desks and paper.
pub const WIDE: Size = Size { id: "wide", width: 920.0, time: 112.0, band: 18.0, lane: 22.0, least_text: 320.0 };
/// For phones.
pub const NARROW: Size = Size { id: "narrow", width: 356.0, time: 84.0, band: 14.0, lane: 17.0, least_text: 150.0 };

const ROW: f64 = 44.0;
const GAP: f64 = 20.0;
const TOP: f64 = 8.0;
/// Lanes are at least so far apart.
const LEAST_LANE: f64 = 7.0;
/// A gap of this many seconds is named.
const NAMED_GAP_S: i64 = 3600;

/// Renders the drawing.
pub fn render(drawing: &Drawing, size: Size) -> Markup {
    let sheet = Sheet::new(drawing, size);
    let (width, height) = (sheet.width, sheet.height);
    let title = format!("lineage-{}", size.id);
    html! {
        svg class={ "drawing " (size.id) } width=(width) height=(height) viewBox={ "0 0 " (width) " " (height) }
            role="img" aria-labelledby=(title) {
            title id=(title) { "The decision and everything behind it, on a time line. The list below says the same in words." }
            defs {
                pattern id={ "hatch-" (size.id) } width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                    rect class="hatch-ground" width="6" height="6" {}
                    line class="hatch" x1="0" y1="0" x2="0" y2="6" {}
                }
            }
            @for (row, gap) in sheet.gaps() { (gap_label(&sheet, row, &gap)) }
            @for (place, band) in drawing.bands.iter().enumerate() { (sheet.band(place, band)) }
            @for edge in &drawing.edges { path class=(sheet.edge_class(edge.from, edge.to)) d=(sheet.way(edge.from, edge.to)) {} }
            @for (row, mark) in drawing.marks.iter().enumerate() { (sheet.row(row, mark)) }
        }
    }
}

struct Sheet<'a> {
    drawing: &'a Drawing,
    size: Size,
    lanes: Lanes,
    columns: Vec<i32>,
    /// The middle of each row.
    y: Vec<f64>,
    /// Rows that rest on something forbidden, or are it.
    tainted: Vec<bool>,
    middle: f64,
    lane: f64,
    text: f64,
    width: f64,
    height: f64,
}

impl Sheet<'_> {
    fn new(drawing: &Drawing, size: Size) -> Sheet<'_> {
        let lanes = lanes::of(drawing);
        let last = drawing.marks.len().saturating_sub(1);
        let spans: Vec<(usize, usize)> =
            drawing.bands.iter().map(|band| (band.from, band.to.unwrap_or(last + 1))).collect();
        let columns = lanes::columns(&spans);
        let mut y = Vec::with_capacity(drawing.marks.len());
        let mut at = TOP;
        for (row, mark) in drawing.marks.iter().enumerate() {
            if row > 0 && mark.at.seconds_since(drawing.marks[row - 1].at) >= NAMED_GAP_S {
                at += GAP;
            }
            y.push(at + ROW / 2.0);
            at += ROW;
        }
        let bands = f64::from(columns.iter().copied().max().map_or(0, |most| most + 1)) * size.band;
        let start = size.time + bands + 14.0;
        // Many lanes draw nearer to each other before they drive the words off the page.
        let count = f64::from(lanes.left + lanes.right).max(1.0);
        let lane = ((size.width - size.least_text - 20.0 - start) / count).clamp(LEAST_LANE, size.lane);
        let middle = start + f64::from(lanes.left) * lane;
        let text = middle + f64::from(lanes.right) * lane + 20.0;
        let width = size.width.max(text + size.least_text);
        Sheet {
            drawing,
            size,
            lanes,
            columns,
            y,
            tainted: tainted(drawing),
            middle,
            lane,
            text,
            width,
            height: at + TOP,
        }
    }

    fn x(&self, row: usize) -> f64 {
        self.middle + f64::from(self.lanes.of[row]) * self.lane
    }

    /// Rows before which time passed that is worth naming.
    fn gaps(&self) -> Vec<(usize, String)> {
        let pairs = self.drawing.marks.windows(2).enumerate();
        let gaps = pairs.map(|(row, pair)| (row + 1, pair[1].at.seconds_since(pair[0].at)));
        gaps.filter(|(_, gap)| *gap >= NAMED_GAP_S).map(|(row, gap)| (row, largest_unit(gap))).collect()
    }

    fn band(&self, place: usize, band: &Band) -> Markup {
        let size = self.size;
        let x = size.time + f64::from(self.columns[place]) * size.band;
        let (top, width) = (self.y[band.from], size.band - 4.0);
        let bottom = band.to.map_or(self.height - 2.0, |row| self.y[row]);
        let (class, fill) = match band.overlay {
            true => ("band overlay", format!("url(#hatch-{})", size.id)),
            false => ("band", String::new()),
        };
        let class = if band.late { format!("{class} late") } else { class.to_owned() };
        let fill = (!fill.is_empty()).then_some(fill);
        let (across, down) = (x + width / 2.0, top + 8.0);
        html! {
            g {
                title { (band.label) @if band.late { ", recorded after the decision" } }
                rect class=(class) x=(x) y=(top) width=(width) height=((bottom - top).max(4.0)) rx="3" fill=[fill] {}
                @if bottom - top > 40.0 {
                    text class="band-name" x=(across) y=(down) transform={ "rotate(90 " (across) " " (down) ")" } dominant-baseline="central" {
                        (fitted(&band.label, bottom - top - 16.0, 6.0))
                    }
                }
            }
        }
    }

    /// From what is cited sideways into the lane of what cites, and along it.
    fn way(&self, from: usize, to: usize) -> String {
        let (x, y) = (self.x(from), self.y[from]);
        let (cited_x, cited_y) = (self.x(to), self.y[to]);
        if (x - cited_x).abs() < 1.0 {
            return format!("M{cited_x} {cited_y}V{y}");
        }
        let radius = 8.0_f64.min((x - cited_x).abs()).min((y - cited_y).abs());
        let (across, down) = ((x - cited_x).signum() * radius, (y - cited_y).signum() * radius);
        let corner = x - across;
        format!("M{cited_x} {cited_y}H{corner}Q{x} {cited_y} {x} {}V{y}", cited_y + down)
    }

    fn edge_class(&self, from: usize, to: usize) -> &'static str {
        let marks = &self.drawing.marks;
        match marks[from].glyph {
            Glyph::Label => "edge labels",
            _ if self.tainted[to] => "edge bad",
            _ => "edge",
        }
    }

    fn row(&self, row: usize, mark: &Mark) -> Markup {
        let (y, room) = (self.y[row], self.width - self.text - 4.0);
        let day = mark.at.to_string();
        let (date, time) = day.split_once('T').unwrap_or((&day, ""));
        let is_new = row == 0 || !self.drawing.marks[row - 1].at.to_string().starts_with(date);
        let note = match (mark.late, mark.after) {
            (true, false) => "recorded after the decision; ",
            (_, true) => "after the decision; ",
            _ => "",
        };
        let rules = mark.rules.join(", ");
        let detail = format!("{note}{}", mark.detail);
        let rules_room = room - 14.0;
        let class = format!("row{}{}", if mark.late { " late" } else { "" }, if mark.after { " after" } else { "" });
        let rule = (self.size.time, self.text - 8.0 - self.size.time);
        html! {
            g class=(class) {
                title { (mark.title) ", " (day) @if !rules.is_empty() { ": " (rules) } @if !detail.is_empty() { " (" (detail.trim_end_matches("; ")) ")" } }
                @if matches!(mark.glyph, Glyph::Policy | Glyph::UseBegins) { path class="begins" d=(format!("M{} {y}h{}", rule.0, rule.1)) {} }
                @if is_new { text class="date" x="0" y=(y - 4.0) { (date) } }
                text class="time" x="0" y=(y + 11.0) { (fitted(time.trim_end_matches('Z'), self.size.time - 6.0, 6.6)) }
                (glyph(mark, self.x(row), y))
                text class={ "title" @if mark.glyph == Glyph::Decision { " strong" } } x=(self.text) y=(y - 4.0) { (fitted(&mark.title, room, if mark.glyph == Glyph::Decision { 8.4 } else { 7.4 })) }
                @if rules.is_empty() {
                    text class="detail" x=(self.text) y=(y + 12.0) { (fitted(detail.trim_end_matches("; "), room, 6.4)) }
                } @else {
                    text class={ "detail " (tone(mark)) } x=(self.text) y=(y + 12.0) {
                        (mark.flag.map_or("", Flag::mark)) " " (fitted(&rules, rules_room, 6.6))
                    }
                }
            }
        }
    }
}

/// Forbidden rows and everything that cites them, labels aside; cycles of citations do no harm.
fn tainted(drawing: &Drawing) -> Vec<bool> {
    let mut tainted: Vec<bool> = drawing.marks.iter().map(|mark| mark.flag == Some(Flag::Deny)).collect();
    loop {
        let spread = drawing
            .edges
            .iter()
            .find(|edge| tainted[edge.to] && !tainted[edge.from] && drawing.marks[edge.from].glyph != Glyph::Label);
        match spread {
            Some(edge) => tainted[edge.from] = true,
            None => return tainted,
        }
    }
}

fn gap_label(sheet: &Sheet, row: usize, gap: &str) -> Markup {
    let y = sheet.y[row] - ROW / 2.0 - GAP / 2.0 + 4.0;
    html! { text class="gap" x="0" y=(y) { "⋮ " (fitted(gap, sheet.size.time - 18.0, 5.8)) } }
}

/// A gap in its largest unit, which is all that its reader wants.
fn largest_unit(seconds: i64) -> String {
    let text = words::span(seconds);
    let mut parts = text.split(' ');
    format!("{} {}", parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

fn tone(mark: &Mark) -> &'static str {
    match mark.flag {
        Some(Flag::Deny) => "bad",
        Some(Flag::Indeterminate) => "unsure",
        _ => "",
    }
}

/// The shape of a row; what a rule fired about carries the rule's mark.
fn glyph(mark: &Mark, x: f64, y: f64) -> Markup {
    let class = format!("glyph {}", tone(mark));
    let sensitive = mark.glyph == Glyph::Label && mark.flag.is_some();
    html! {
        @match mark.glyph {
            Glyph::Decision => path class={ (class) " decision" } d=(diamond(x, y, 12.0)) {},
            Glyph::Signal => rect class=(class) x=(x - 8.0) y=(y - 8.0) width="16" height="16" rx="4" {},
            Glyph::Interaction => circle class=(class) cx=(x) cy=(y) r="9" {},
            Glyph::Activity | Glyph::Other => circle class={ (class) " hollow" } cx=(x) cy=(y) r="7" {},
            Glyph::Label => rect class={ "glyph tag" @if sensitive { " sensitive" } } x=(x - 6.0) y=(y - 5.0) width="12" height="10" rx="2" {},
            Glyph::Policy | Glyph::UseBegins => {},
            Glyph::Notice => path class="glyph small" d=(format!("M{} {}h12v8h-12zl6 5l6 -5", x - 6.0, y - 4.0)) {},
            Glyph::Link => path class="glyph small" d=(format!("M{} {y}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0M{x} {y}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0", x - 5.0)) {},
            Glyph::Person => path class="glyph small" d=(diamond(x, y, 5.5)) {},
            Glyph::Erasure => path class="glyph small" d=(format!("M{} {}l10 10m0 -10l-10 10", x - 5.0, y - 5.0)) {},
        }
        @if matches!(mark.flag, Some(Flag::Deny | Flag::Indeterminate)) {
            text class="glyph-mark" x=(x) y=(y + 4.0) text-anchor="middle" { (mark.flag.map_or("", Flag::mark)) }
        }
    }
}

fn diamond(x: f64, y: f64, r: f64) -> String {
    format!("M{x} {}L{} {y}L{x} {}L{} {y}Z", y - r, x + r, y + r, x - r)
}

/// As much of the text as fits into `room` pixels at so many a letter.
fn fitted(text: &str, room: f64, letter: f64) -> String {
    let width = |c: char| if c as u32 >= 0x1100 { 2.0 * letter } else { letter };
    if text.chars().map(width).sum::<f64>() <= room {
        return text.to_owned();
    }
    let mut left = room - letter;
    let kept: String = text
        .chars()
        .take_while(|&c| {
            left -= width(c);
            left >= 0.0
        })
        .collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_to_their_room() {
        assert_eq!(fitted("short", 100.0, 7.0), "short");
        assert_eq!(fitted("much too long for this", 70.0, 7.0), "much too…");
        assert_eq!(fitted("漢字漢字漢字", 42.0, 7.0), "漢字…");
        assert_eq!(fitted("", 0.0, 7.0), "");
        assert_eq!(fitted("abc", 0.0, 7.0), "…");
    }

    #[test]
    fn gaps_are_named_in_one_unit() {
        assert_eq!((largest_unit(90_061), largest_unit(3_700)), ("1 day".to_owned(), "1 hour".to_owned()));
    }
}
