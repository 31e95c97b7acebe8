//! The page of a run whose texts are hostile, and of one that has every kind of content.

use super::*;
use crate::record::Records;
use crate::record::testing::RunBuilder;
use crate::scenario::{DeltaColumn, Event, ImageColumn, Metric, SampleColumn, Start, Variant};

const HOSTILE: &str = "<script>alert('x')</script>";

fn hostile() -> Records {
    let edit = Event::Edit("source".into());
    let seconds = [4.0, 4.1, 4.2, 4.0, 4.1, 4.3];
    let half = seconds.map(|seconds| seconds / 2.0);
    let starts: Vec<Option<f64>> = seconds.map(Some).to_vec();
    let mut records = RunBuilder::new()
        .scenario(HOSTILE)
        .event(edit.clone())
        .with(|scenario| {
            scenario.question = HOSTILE.to_owned();
            scenario.analysis =
                format!("{HOSTILE}\n\n<img src=x onerror=alert(1)> [link](javascript:alert(1))");
            scenario.caveat = HOSTILE.to_owned();
            scenario.dockerfiles.naive = format!("FROM scratch\nRUN echo {HOSTILE}\n");
        })
        .claim(Metric::Sample(SampleColumn::Wall, Event::Cold), Some(0.4), None)
        .with(|scenario| {
            scenario.claims[0].text = HOSTILE.to_owned();
            scenario.claims[0].source = HOSTILE.to_owned();
            scenario.claims[0].field = HOSTILE.to_owned();
        })
        .samples(&Event::Cold, SampleColumn::Wall, &seconds, &half)
        .executed(&Event::Cold, HOSTILE, &[true; 2], &[true; 2])
        .images(ImageColumn::Layer, &[90_000_000; 2], &[80_000_000; 2])
        .deltas(&edit, DeltaColumn::NewCompressed, &[5_000_000; 2], &[1_000; 2])
        .starts(HOSTILE, Start::First, &starts, &starts)
        .fails(Variant::Naive, &edit, 1, HOSTILE)
        .build();
    records.info.machine.cpu = HOSTILE.to_owned();
    records
}

#[test]
fn text_from_scenarios_and_logs_cannot_become_markup() {
    let records = hostile();
    let page = html(&Report::of(&records)).unwrap();
    let lower = page.to_lowercase();
    assert!(
        !lower.contains("<script") && !lower.contains("<img") && !lower.contains("javascript:"),
        "{page}"
    );
    assert!(page.matches("&lt;script&gt;").count() > 10, "it is shown as text");
    assert!(
        page.contains("id=\"scenario--script-alert--x----script-\""),
        "a name that is no anchor becomes one"
    );
}

#[test]
fn a_page_fetches_nothing() {
    let records = hostile();
    let page = html(&Report::of(&records)).unwrap();
    for fetched in ["<img", "url(", "@import", "<iframe", "<object", "<embed", "<script", "http-equiv"] {
        assert!(!page.contains(fetched), "{fetched}");
    }
    assert_eq!(page.matches("<link").count(), 1, "the empty icon alone");
}

#[test]
fn every_picture_has_a_name_and_all_of_them_are_there() {
    let records = hostile();
    let page = html(&Report::of(&records)).unwrap();
    assert_eq!(page.matches("<svg").count(), page.matches("role=\"img\"><title>").count());
    for name in [
        "build time of each block",
        "change of time",
        "along the clock",
        "size of the layers",
        "seconds of a start",
    ] {
        assert!(page.contains(name), "{name}");
    }
}

#[test]
fn scenarios_of_one_anchor_are_told_apart() {
    let records = RunBuilder::new().scenario("a b").scenario("a-b").build();
    let report = Report::of(&records);
    assert_eq!(anchors(&report), ["scenario-a-b", "scenario-a-b-2"]);
}

#[test]
fn colours_of_pictures_are_those_that_the_style_turns_for_the_dark() {
    let records = hostile();
    let page = html(&Report::of(&records)).unwrap();
    let style = include_str!("style.css");
    for colour in page.split("fill=\"#").skip(1).filter_map(|rest| rest.get(..6)) {
        let known = style.contains(&format!("[fill=\"#{colour}\"]"));
        // The colours of phases have enough contrast on both, with the line around them.
        let phase = ["56B4E9", "E69F00", "009E73", "F0E442"].contains(&colour);
        assert!(known || phase, "#{colour}");
    }
}
