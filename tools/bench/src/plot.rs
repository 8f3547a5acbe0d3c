//! The figures as one SVG: how near each row comes to its goal, and cost against size.

use crate::grow::Step;
use crate::row::Row;
use plotters::prelude::*;
use std::path::Path;

type Failed = Box<dyn std::error::Error>;
type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

const FONT: &str = "sans-serif";
const GOOD: RGBColor = RGBColor(38, 120, 92);
const BAD: RGBColor = RGBColor(190, 80, 50);
const LINE: u32 = 26;

/// Writes it.
pub fn write(path: &Path, rows: &[Row], steps: &[Step]) -> Result<(), Failed> {
    let rows: Vec<(&Row, f64)> = rows.iter().filter_map(|row| Some((row, row.ratio()? / row.wanted()?))).collect();
    let rows: Vec<(&Row, f64)> = rows.into_iter().filter(|(_, reached)| reached.is_finite()).collect();
    let upper = 70 + LINE * rows.len() as u32;
    let lower = if steps.is_empty() { 0 } else { 360 };
    let root = SVGBackend::new(path, (900, upper + lower)).into_drawing_area();
    root.fill(&WHITE)?;
    let (bars, curves) = root.split_vertically(upper);
    goals(&bars, &rows)?;
    if !steps.is_empty() {
        growth(&curves, steps)?;
    }
    Ok(root.present()?)
}

/// A bar a row on a logarithmic scale: the line at 1 is the goal.
fn goals(area: &Area, rows: &[(&Row, f64)]) -> Result<(), Failed> {
    let least = rows.iter().map(|(_, reached)| *reached).fold(0.5, f64::min) / 1.5;
    let most = rows.iter().map(|(_, reached)| *reached).fold(2.0, f64::max) * 1.5;
    let count = rows.len() as i32;
    let mut chart = ChartBuilder::on(area)
        .caption("Reached, in goals: right of 1 is better (logarithmic)", (FONT, 15))
        .margin(8)
        .margin_right(70)
        .x_label_area_size(24)
        .y_label_area_size(360)
        .build_cartesian_2d((least..most).log_scale(), (0..count).into_segmented())?;
    let name = |place: &SegmentValue<i32>| match place {
        SegmentValue::CenterOf(place) if *place < count => rows[(count - 1 - place) as usize].0.name.clone(),
        _ => String::new(),
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(rows.len())
        .y_label_formatter(&name)
        .x_label_formatter(&|value| format!("{value}"))
        .label_style((FONT, 12))
        .draw()?;
    for (place, (_, reached)) in rows.iter().rev().enumerate() {
        let place = place as i32;
        let color = if *reached >= 1.0 { GOOD } else { BAD };
        let ends = [(1.0, SegmentValue::Exact(place)), (*reached, SegmentValue::Exact(place + 1))];
        let mut bar = Rectangle::new(ends, color.filled());
        bar.set_margin(4, 4, 0, 0);
        chart.draw_series([bar])?;
        let at = (reached.max(1.0) * 1.03, SegmentValue::CenterOf(place));
        chart.draw_series([Text::new(format!("{reached:.2}"), at, (FONT, 11))])?;
    }
    Ok(())
}

/// What an entry takes, against how many there are.
fn growth(area: &Area, steps: &[Step]) -> Result<(), Failed> {
    type Of = fn(&Step) -> f64;
    let curves: [(&str, Of, RGBColor); 3] = [
        ("append", |step| step.append_us, GOOD),
        ("replay", |step| step.replay_us, BLUE),
        ("a decision explained", |step| step.lookup_us, BAD),
    ];
    let values = || curves.iter().flat_map(|(_, of, _)| steps.iter().map(of));
    let (least, most) = (values().fold(f64::MAX, f64::min) / 2.0, values().fold(0.0, f64::max) * 2.0);
    let (first, last) = (steps[0].entries as f64, steps[steps.len() - 1].entries as f64);
    let mut chart = ChartBuilder::on(area)
        .caption("Microseconds an entry, against entries (both logarithmic)", (FONT, 15))
        .margin(8)
        .margin_right(30)
        .x_label_area_size(30)
        .y_label_area_size(60)
        .build_cartesian_2d((first..last * 1.001).log_scale(), (least..most).log_scale())?;
    let millions = |value: &f64| format!("{}", value.round());
    chart.configure_mesh().x_label_formatter(&millions).label_style((FONT, 12)).draw()?;
    for (name, of, color) in curves {
        let points: Vec<(f64, f64)> = steps.iter().map(|step| (step.entries as f64, of(step))).collect();
        chart
            .draw_series(LineSeries::new(points.clone(), color.stroke_width(2)).point_size(3))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
    }
    chart.configure_series_labels().background_style(WHITE).border_style(BLACK).label_font((FONT, 12)).draw()?;
    Ok(())
}
