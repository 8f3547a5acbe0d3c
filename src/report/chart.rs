//! Charts as inline SVG. Each is drawn twice, wide and narrow, for the page to choose from.
//!
//! Nothing is told by colour: fills differ in hatching, and every row and band is named where it stands. Drawn in whole
//! pixels, so that the same counts give the same bytes.

use super::count::{Counts, PolicyLine, RuleLine, Week};
use crate::fact::{Conformance, Instant};
use maud::{Markup, PreEscaped, html};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const INK: RGBColor = RGBColor(0x1b, 0x1d, 0x21);
const SOFT: RGBColor = RGBColor(0x5b, 0x61, 0x6b);
const LINE: RGBColor = RGBColor(0xd5, 0xd9, 0xdf);
const PALE: RGBColor = RGBColor(0xee, 0xf0, 0xf3);
const MIDDLE: RGBColor = RGBColor(0xb4, 0xba, 0xc4);

const WEEK_NS: i64 = 7 * 86_400 * 1_000_000_000;

/// Widths in pixels; the second for phones.
const WIDTHS: [(&str, i32); 2] = [("wide", 920), ("narrow", 340)];
const LEFT: i32 = 44;
const BAND: i32 = 14;
/// From one policy to the next: its name stands close above its band, and far from the one before.
const PITCH: i32 = BAND + TEXT + 10;
/// Height of letters; what the library is told is more than what it writes.
const TEXT: i32 = 12;
const FONT: i32 = 15;
const DESCENT: i32 = 3;
/// From one row of rules to the next.
const ROW: i32 = 44;
/// Rows that a page of paper has room for, below the policies.
const ROWS: usize = 12;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// Corners: left, top, right, bottom.
type Box4 = (i32, i32, i32, i32);

/// How an area is filled, told apart without colour.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fill {
    Pale,
    Solid,
    Rising,
    Falling,
    Crossed,
    Level,
    Empty,
}

fn fill_of(conformance: Conformance) -> Fill {
    match conformance {
        Conformance::Conforming => Fill::Pale,
        Conformance::Breach => Fill::Solid,
        Conformance::LateBreach => Fill::Crossed,
        Conformance::Unproven => Fill::Rising,
        Conformance::Withheld => Fill::Level,
        Conformance::Erased => Fill::Falling,
        Conformance::OutOfScope => Fill::Empty,
    }
}

/// Decisions by conformance, a bar a week, under the policies in force.
pub fn conformance(weeks: &[Week], policies: &[PolicyLine], counts: &Counts) -> Markup {
    let shown: Vec<Conformance> =
        Conformance::ALL.iter().copied().filter(|each| counts.contains_key(each.name())).collect();
    let described: Vec<String> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let about = format!("{} weeks: {}. The table below says the same.", weeks.len(), described.join(", "));
    figure(
        "conformance",
        "Decisions a week, shown or held back, by conformance, under the policies in force",
        &about,
        |width| {
            let lines = policy_names(policies);
            let columns = (width / 150).max(2);
            let legend = (shown.len() as i32 + columns - 1) / columns * 18 + 12;
            let bands = lines.len() as i32 * PITCH + 8;
            let height = legend + bands + 210 + 24;
            draw(width, height, |area| {
                for (number, &each) in shown.iter().enumerate() {
                    let number = number as i32;
                    let (x, y) = (LEFT + number % columns * 150, number / columns * 18 + 4);
                    fill(area, (x, y, x + 14, y + 12), fill_of(each));
                    let count = counts[each.name()];
                    text(
                        area,
                        &format!("{} ({count})", each.name().replace('_', " ")),
                        (x + 19, y + 11),
                        &INK,
                        HPos::Left,
                    );
                }
                let axis = Axis::of(weeks, width);
                draw_bands(area, &axis, policies, &lines, legend);
                let most = weeks.iter().map(|week| week.decisions).max().unwrap_or(0).max(1);
                let (top, bottom) = (legend + bands + 6, height - 24);
                scale(area, most, top, bottom, width);
                for (number, week) in weeks.iter().enumerate() {
                    let (left, right) = axis.bar(number);
                    let (mut below, mut foot) = (0, bottom);
                    for each in &shown {
                        below += week.conformance.get(each.name()).copied().unwrap_or(0);
                        let head = bottom - (below as i128 * i128::from(bottom - top) / i128::from(most)) as i32;
                        // One among thousands is still one to be seen.
                        let head = if week.conformance.contains_key(each.name()) { head.min(foot - 2) } else { head };
                        if head < foot {
                            fill(area, (left, head, right, foot), fill_of(*each));
                        }
                        foot = foot.min(head);
                    }
                }
                axis.label(area, weeks, bottom);
            })
        },
    )
}

/// Decisions in which each rule fired, a row a rule, a bar a week; on as many charts as they need.
pub fn rules(weeks: &[Week], policies: &[PolicyLine], rules: &[RuleLine]) -> Markup {
    let fired: Vec<&RuleLine> = rules.iter().filter(|rule| rule.known > 0).collect();
    let charts = fired.len().div_ceil(ROWS).max(1);
    html! {
        @for (number, fired) in fired.chunks(fired.len().div_ceil(charts).max(1)).enumerate() {
            (some_rules(&format!("rules-{}", number + 1), weeks, policies, fired))
        }
    }
}

fn some_rules(id: &str, weeks: &[Week], policies: &[PolicyLine], fired: &[&RuleLine]) -> Markup {
    let described: Vec<String> = fired.iter().map(|rule| format!("{} in {}", rule.rule, rule.known)).collect();
    let about = format!("Decisions in which each rule fired: {}.", described.join(", "));
    figure(id, "Decisions a week, shown or held back, in which each rule fired, known view", &about, |width| {
        let lines = policy_names(policies);
        let bands = lines.len() as i32 * PITCH + 30;
        let height = bands + fired.len() as i32 * ROW + 24;
        draw(width, height, |area| {
            fill(area, (LEFT, 4, LEFT + 14, 16), Fill::Solid);
            text(area, "denies", (LEFT + 19, 15), &INK, HPos::Left);
            fill(area, (LEFT + 90, 4, LEFT + 104, 16), Fill::Rising);
            text(area, "needs a person", (LEFT + 109, 15), &INK, HPos::Left);
            let axis = Axis::of(weeks, width);
            draw_bands(area, &axis, policies, &lines, 24);
            for (row, rule) in fired.iter().enumerate() {
                let (top, bottom) = (bands + row as i32 * ROW + 18, bands + row as i32 * ROW + 40);
                let most = weeks.iter().filter_map(|week| week.rules.get(&rule.rule)).max().copied().unwrap_or(1);
                let name = format!("{}: {} in all, at most {most} a week", rule.rule, rule.known);
                text(area, &name, (LEFT, top - 4), &INK, HPos::Left);
                line(area, (LEFT, bottom), (width - 4, bottom), &LINE);
                for (number, week) in weeks.iter().enumerate() {
                    let Some(&count) = week.rules.get(&rule.rule) else { continue };
                    let tall = (count as i128 * 20 / i128::from(most)).max(2) as i32;
                    let (left, right) = axis.bar(number);
                    let how = if rule.outcome == "deny" { Fill::Solid } else { Fill::Rising };
                    fill(area, (left, bottom - tall, right, bottom), how);
                }
            }
            axis.label(area, weeks, height - 24);
        })
    })
}

/// Time from left to right.
struct Axis {
    from: i64,
    span: i64,
    left: i32,
    right: i32,
}

impl Axis {
    fn of(weeks: &[Week], width: i32) -> Axis {
        let from = weeks.first().map_or(0, |week| week.from_ns);
        Axis { from, span: WEEK_NS * weeks.len().max(1) as i64, left: LEFT, right: width - 4 }
    }

    fn at(&self, at: i64) -> i32 {
        let room = i128::from(self.right - self.left);
        let place = i128::from(at - self.from) * room / i128::from(self.span);
        self.left + place.clamp(0, room) as i32
    }

    fn bar(&self, number: usize) -> (i32, i32) {
        let start = self.from + WEEK_NS * number as i64;
        let (left, right) = (self.at(start), self.at(start + WEEK_NS));
        let gap = ((right - left) / 8).min(4);
        (left + gap, (right - gap).max(left + gap + 1))
    }

    /// Mondays below the bars, as many as have room.
    fn label(&self, area: &Area, weeks: &[Week], y: i32) {
        line(area, (self.left, y), (self.right, y), &INK);
        let room = ((self.right - self.left) / 88).max(1) as usize;
        for (number, week) in weeks.iter().enumerate().step_by(weeks.len().div_ceil(room).max(1)) {
            let (left, _) = self.bar(number);
            line(area, (left, y), (left, y + 4), &INK);
            let fits = left + 66 < self.right + 4 || number == 0;
            if fits {
                text(area, &week.week, (left, y + 17), &INK, HPos::Left);
            }
        }
    }
}

fn policy_names(policies: &[PolicyLine]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for line in policies {
        if !names.contains(&line.policy.as_str()) {
            names.push(&line.policy);
        }
    }
    names
}

/// A band a policy: which version was in force, told by name, its neighbours by another hatching.
fn draw_bands(area: &Area, axis: &Axis, policies: &[PolicyLine], names: &[&str], top: i32) {
    for (row, name) in names.iter().enumerate() {
        let y = top + row as i32 * PITCH;
        text(area, &shortened(name, (axis.right - axis.left) / 7), (axis.left, y + TEXT - 3), &SOFT, HPos::Left);
        let versions = policies.iter().filter(|line| line.policy == *name);
        for (number, line) in versions.enumerate() {
            let (from, until) = line.band;
            let end = until.unwrap_or(Instant(axis.from + axis.span));
            if end.0 <= axis.from || from.0 >= axis.from + axis.span || end <= from {
                continue;
            }
            let (left, right) = (axis.at(from.0), axis.at(end.0).max(axis.at(from.0) + 3));
            let how = if number % 2 == 0 { Fill::Pale } else { Fill::Empty };
            fill(area, (left, y + TEXT, right, y + TEXT + BAND), how);
            let label = shortened(&line.version, (right - left - 8) / 7);
            text(area, &label, (left + 4, y + TEXT + BAND - 4), &INK, HPos::Left);
        }
    }
}

/// What fits into so many letters.
fn shortened(name: &str, letters: i32) -> String {
    let letters = letters.max(0) as usize;
    match name.chars().count() <= letters {
        true => name.to_owned(),
        false if letters < 3 => String::new(),
        false => name.chars().take(letters - 1).chain(['…']).collect(),
    }
}

/// Numbers beside the bars, and a line through the page at each.
fn scale(area: &Area, most: u64, top: i32, bottom: i32, width: i32) {
    for part in 0..=2u64 {
        let value = most * part / 2;
        if part == 1 && (value == 0 || value == most) {
            continue;
        }
        let y = bottom - (i128::from(value) * i128::from(bottom - top) / i128::from(most)) as i32;
        line(area, (LEFT, y), (width - 4, y), &LINE);
        text(area, &value.to_string(), (LEFT - 5, y + 4), &SOFT, HPos::Right);
    }
}

const DRAWN: &str = "a buffer takes whatever is drawn";

fn line(area: &Area, from: (i32, i32), to: (i32, i32), color: &RGBColor) {
    area.draw(&PathElement::new(vec![from, to], color.stroke_width(1))).expect(DRAWN);
}

fn text(area: &Area, what: &str, at: (i32, i32), color: &RGBColor, side: HPos) {
    let style = ("sans-serif", FONT).into_font().color(color).pos(Pos::new(side, VPos::Bottom));
    // The library leaves room for letters that reach below their line.
    area.draw(&Text::new(what.to_owned(), (at.0, at.1 + DESCENT), style)).expect(DRAWN);
}

/// Fills a box and draws its edge.
fn fill(area: &Area, (left, top, right, bottom): Box4, how: Fill) {
    let ground = match how {
        Fill::Pale => PALE,
        Fill::Solid => INK,
        Fill::Level => MIDDLE,
        _ => WHITE,
    };
    let corners = [(left, top), (right, bottom)];
    area.draw(&Rectangle::new(corners, ground.filled())).expect(DRAWN);
    let (wide, tall) = (right - left, bottom - top);
    // Lines of slope one, cut at the box.
    for offset in (3..wide + tall).step_by(5) {
        let (start, end) = ((offset - tall).max(0), offset.min(wide));
        if matches!(how, Fill::Rising | Fill::Crossed) {
            let place = |along: i32| (left + along, bottom - (offset - along).clamp(0, tall));
            let [from, to] = [start, end].map(place);
            let mirrored = |(x, y): (i32, i32)| (x, top + bottom - y);
            line(area, mirrored(from), mirrored(to), &INK);
        }
        if matches!(how, Fill::Falling | Fill::Crossed) {
            let place = |along: i32| (left + along, bottom - (offset - along).clamp(0, tall));
            line(area, place(start), place(end), &INK);
        }
    }
    area.draw(&Rectangle::new(corners, INK.stroke_width(1))).expect(DRAWN);
}

/// Draws both sizes.
fn figure(id: &str, title: &str, about: &str, one: impl Fn(i32) -> (i32, i32, String)) -> Markup {
    html! {
        figure class="figure" {
            @for (size, width) in WIDTHS {
                @let id = format!("{id}-{size}");
                @let (wide, tall, drawn) = one(width);
                svg class={ "drawing " (size) } role="img" aria-labelledby={ (id) "-title " (id) "-about" }
                    viewBox={ "0 0 " (wide) " " (tall) } width=(wide) height=(tall) xmlns="http://www.w3.org/2000/svg" {
                    title id={ (id) "-title" } { (title) }
                    desc id={ (id) "-about" } { (about) }
                    (PreEscaped(drawn))
                }
            }
        }
    }
}

/// What is drawn, without the element around it: the page's own has a title and a description.
fn draw(width: i32, height: i32, with: impl FnOnce(&Area)) -> (i32, i32, String) {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (width as u32, height as u32)).into_drawing_area();
        with(&area);
        area.present().expect(DRAWN);
    }
    let inner = svg.split_once('>').and_then(|(_, rest)| rest.trim_end().strip_suffix("</svg>"));
    (width, height, inner.expect("one element").to_owned())
}
