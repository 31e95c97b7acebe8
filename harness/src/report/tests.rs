//! The report of a small run, as people and programs read it.

use super::*;
use crate::record::testing::RunBuilder;
use crate::record::{BaseInfo, EndInfo, Hidden, LayerSize, Leak, LeakPlace, Records, Wasted};
use crate::scenario::{DeltaColumn, Event, ImageColumn, Metric, Pair, SampleColumn, Variant};

const MB: u64 = 1_000_000;

/// Two pairs: one whose figure is contradicted although it helps, one with a failure and few blocks.
fn run() -> Records {
    let edit = Event::Edit("source".into());
    let noop = Event::Noop;
    let naive = [12.1, 12.9, 12.4, 14.0, 12.2, 12.7];
    let multi_stage = RunBuilder::new()
        .scenario("multi-stage")
        .event(noop.clone())
        .event(edit.clone())
        .with(|scenario| {
            scenario.question = "Does a builder stage make the final image smaller?".to_owned();
            scenario.analysis = "The compiler stays behind in the builder stage.".to_owned();
            scenario.caveat = "Images that are mostly wheels save less.".to_owned();
            scenario.dockerfiles = Pair {
                naive:
                    "FROM python:3.11-slim\nRUN apt-get install -y gcc\nRUN pip install .\nCMD [\"app\"]\n"
                        .to_owned(),
                optimized: "FROM python:3.11-slim AS build\nRUN apt-get install -y gcc\nRUN pip install .\n\
                            FROM python:3.11-slim\nCOPY --from=build /app /app\nCMD [\"app\"]\n"
                    .to_owned(),
            };
        })
        .claim(Metric::Image(ImageColumn::Rootfs), Some(0.4), Some(0.6))
        .claim(Metric::Sample(SampleColumn::Wall, Event::Cold), Some(0.0), None)
        .with(|scenario| {
            scenario.claims[0].text = "final size falls by 40–60 %".to_owned();
            scenario.claims[0].field = "six merge requests: 17 to 41 %, median 29 %".to_owned();
            scenario.claims[1].text = "a builder stage costs no build time".to_owned();
            scenario.claims[1].name = "no-slower".to_owned();
        })
        .samples(&Event::Cold, SampleColumn::Wall, &naive, &[13.0, 13.8, 13.5, 14.9, 13.1, 13.9])
        .samples(&Event::Cold, SampleColumn::Cpu, &naive.map(|s| s * 1.4), &naive.map(|s| s * 1.4))
        .samples(
            &noop,
            SampleColumn::Wall,
            &[0.25, 0.26, 0.24, 0.25, 0.27, 0.25],
            &[0.26, 0.25, 0.26, 0.24, 0.25, 0.26],
        )
        .samples(&edit, SampleColumn::Wall, &[2.1, 2.0, 2.3, 2.2, 2.0, 2.1], &[1.5, 1.4, 1.6, 1.6, 1.4, 1.5])
        .images(ImageColumn::Rootfs, &[412 * MB; 2], &[292 * MB; 2])
        .deltas(&edit, DeltaColumn::NewCompressed, &[30 * MB; 2], &[2 * MB; 2])
        .deltas(&edit, DeltaColumn::SameContent, &[80 * MB; 2], &[0; 2]);

    let layer_order = multi_stage
        .scenario("layer-order")
        .event(edit.clone())
        .with(|scenario| {
            let install = || "pip install".to_owned();
            scenario.steps = vec![("install".to_owned(), Pair { naive: install(), optimized: install() })];
        })
        .claim(Metric::Executed("install".to_owned(), edit.clone()), Some(1.0), Some(1.0))
        .claim(Metric::Sample(SampleColumn::Wall, edit.clone()), Some(0.5), None)
        .samples(&Event::Cold, SampleColumn::Wall, &[20.0, 21.0], &[20.5, 20.7])
        .samples(&edit, SampleColumn::Wall, &[18.0, 18.4], &[1.2, 1.3])
        .executed(&edit, "[4/5] RUN pip install -r requirements.txt", &[true, true], &[false, false])
        .caused(&edit, "[4/5] RUN pip install -r requirements.txt", "[3/5] COPY . .: service.py changed")
        .fails(
            Variant::Naive,
            &Event::Noop,
            1,
            "process \"/bin/sh -c <b>pip</b>\" failed: exit code 1\nmore",
        );
    let mut records = layer_order.build();
    for sample in &mut records.samples {
        if sample.scenario == "multi-stage" {
            sample.base = "local".to_owned();
        }
    }
    for (block, path, bytes, how) in [
        (1, "var/lib/apt/lists/packages", 20 * MB, Hidden::Deleted),
        (1, "app/model.bin", 50 * MB, Hidden::Overwritten),
        (2, "app/model.bin", 50 * MB, Hidden::Overwritten),
    ] {
        records.wasted.push(Wasted {
            scenario: "multi-stage".to_owned(),
            variant: Variant::Naive,
            block,
            path: path.to_owned(),
            bytes,
            how,
            layer: 2,
            made_by: "RUN apt-get update | tee log".to_owned(),
            hidden_by: "RUN rm -rf /var/lib/apt/lists".to_owned(),
        });
    }
    for (variant, layer, made_by, in_base, tar_bytes) in [
        (Variant::Naive, 1, "", true, 90 * MB),
        (Variant::Naive, 2, "RUN apt-get update | tee log", false, 80 * MB),
        (Variant::Optimized, 1, "", true, 90 * MB),
        (Variant::Optimized, 2, "COPY --from=builder /opt /opt", false, 10 * MB),
    ] {
        records.layers.push(LayerSize {
            scenario: "multi-stage".to_owned(),
            variant,
            block: 1,
            layer,
            made_by: made_by.to_owned(),
            in_base,
            compressed_bytes: tar_bytes / 2,
            tar_bytes,
            wasted_bytes: if variant == Variant::Naive && layer == 2 { 70 * MB } else { 0 },
        });
    }
    records.leaks.push(Leak {
        scenario: "multi-stage".to_owned(),
        variant: Variant::Naive,
        block: 1,
        canary: "api-key".to_owned(),
        place: LeakPlace::History,
        found_at: "line 4".to_owned(),
    });
    records.info.bases[0] = BaseInfo {
        reference: "python:3.11-slim".to_owned(),
        kind: "local".to_owned(),
        digest: "sha256:0000".to_owned(),
        made_of: "Debian 12 with Python 3.11".to_owned(),
    };
    records
}

#[test]
fn the_terminal_shows_what_a_newcomer_needs() {
    let text = terminal(&Report::of(&run()), false);
    assert!(text.lines().all(|line| line.chars().count() <= 100), "at most 100 columns:\n{text}");
    assert!(!text.contains('\u{1b}'), "no colour unless asked for");
    insta::assert_snapshot!(text);
}

#[test]
fn a_long_name_leaves_room_for_how_sure_its_row_is() {
    let edit = Event::Edit("a-checkpoint-of-the-weights-that-was-trained-anew".into());
    let records = RunBuilder::new()
        .scenario("weights")
        .event(edit.clone())
        .claim(Metric::Sample(SampleColumn::Wall, edit.clone()), Some(0.5), None)
        .samples(&edit, SampleColumn::Wall, &[18.0; 6], &[1.0, 1.1, 1.2, 1.3, 1.4, 1.5])
        .build();
    let text = terminal(&Report::of(&records), false);
    assert!(text.lines().all(|line| line.chars().count() <= 100), "at most 100 columns:\n{text}");
    assert!(text.contains("95 %: 92 to 94 %"), "{text}");
    assert!(text.contains("after edit-a-checkpoint-of-the-weights"), "{text}");
}

#[test]
fn colour_changes_the_looks_and_not_a_word() {
    let records = run();
    let report = Report::of(&records);
    let coloured = terminal(&report, true);
    assert!(coloured.contains("\u{1b}["));
    let mut parts = coloured.split("\u{1b}[");
    let mut stripped = parts.next().unwrap_or_default().to_owned();
    stripped.extend(parts.map(|part| part.split_once('m').map_or("", |(_, rest)| rest)));
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&stripped), words(&terminal(&report, false)));
}

#[test]
fn markdown_says_the_same_with_its_reasons() {
    insta::assert_snapshot!(markdown(&Report::of(&run())));
}

#[test]
fn text_from_scenarios_and_logs_cannot_become_markup() {
    let mut records = run();
    records.plan.scenarios[0].question = "Is <script>alert(1)</script> | smaller?".to_owned();
    records.plan.scenarios[0].dockerfiles.naive = "RUN echo '```'\n".to_owned();
    let text = markdown(&Report::of(&records));
    assert!(!text.contains("<script>") && !text.contains("<b>"), "{text}");
    assert!(text.contains("````diff"), "a fence longer than what it encloses");
}

#[test]
fn the_brief_says_the_verdicts_first_and_keeps_to_thirty_lines() {
    let records = run();
    let text = brief(&Report::of(&records));
    assert!(
        text.starts_with("**Tare, run r1: of 4 claims 2 help, 1 hurt, 0 change nothing, 1 are"),
        "{text}"
    );
    assert!(text.contains("| multi-stage | claim | **helps** | contradicted |"), "{text}");
    assert!(text.contains("Failed builds and starts: 1."), "{text}");

    let mut many = run();
    let claim = many.plan.scenarios[0].claims[0].clone();
    many.plan.scenarios[0].claims = vec![claim; 60];
    let text = brief(&Report::of(&many));
    assert!(text.lines().count() <= 30, "{} lines:\n{text}", text.lines().count());
    assert!(text.contains(" more claims stand in"), "what is left out is said: {text}");
}

#[test]
fn json_holds_every_metric_and_claim() {
    let records = run();
    let document: serde_json::Value = serde_json::from_str(&json(&Report::of(&records))).unwrap();
    let scenario = &document["scenarios"][0];
    assert_eq!(scenario["stand_in_bases"], true);
    let metrics = scenario["metrics"].as_array().unwrap();
    let rootfs = metrics.iter().find(|row| row["metric"] == "rootfs_bytes").unwrap();
    assert_eq!((&rootfs["unit"], &rootfs["naive"]["median"]), (&"bytes".into(), &(412.0 * 1e6).into()));
    assert_eq!(scenario["claims"][0]["verdict"], "contradicted");
    assert_eq!(scenario["claims"][0]["effect"], "helps");
}

#[test]
fn a_run_directory_is_reported_on_byte_for_byte() {
    let records = run();
    let dir = tempfile::tempdir().unwrap();
    let run = crate::record::RunDir::create(dir.path().join("run"), &records.info, &records.plan).unwrap();
    let mut writer = run.writer().unwrap();
    for sample in &records.samples {
        writer.commit(&sample.clone().into()).unwrap();
    }
    let files = || {
        let names =
            ["claims.csv", "report.md", "report.html", "plots/multi-stage.svg", "plots/layer-order.svg"];
        names.map(|name| std::fs::read_to_string(run.path().join(name)).unwrap())
    };
    let make = || write(&run, &Report::of(&run.read().unwrap())).unwrap();
    make();
    let first = files();
    make();
    assert_eq!(files(), first);
    assert!(first[1].contains("(plots/multi-stage.svg)"), "the plot is shown");
    assert_eq!(first[0].lines().count(), 1 + 4, "a row a claim");
}

#[test]
fn a_run_with_nothing_measured_has_a_report() {
    let records = RunBuilder::new().scenario("layer-order").build();
    let report = Report::of(&records);
    assert!(terminal(&report, false).contains("layer-order"));
    assert!(!markdown(&report).contains("!["), "no plot of nothing");
}

#[test]
fn every_sample_and_every_panel_is_drawn() {
    let records = run();
    let report = Report::of(&records);
    let svg = plots::build_times(&report.scenarios[0].rows).unwrap().unwrap();
    // Six blocks at three events and one mark in the legend, a circle and a triangle each.
    assert_eq!(svg.matches("<circle").count(), 19);
    assert_eq!(svg.matches("<polygon").count(), 19);
    for label in ["cold build", "nothing changed", "after edit-source", "seconds", "naive"] {
        assert!(svg.contains(label), "{label}");
    }
}

#[test]
fn a_run_that_sought_a_precision_says_how_it_stopped() {
    let mut records = run();
    let said = |records: &Records| {
        let report = Report::of(records);
        [terminal(&report, false), markdown(&report)]
            .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    assert!(said(&records).iter().all(|text| !text.contains("percentage points wide")));
    records.info.precision_percent = Some(7.5);
    for text in said(&records) {
        assert!(text.contains("at most 7.5 percentage points wide"), "{text}");
        assert!(text.contains("after 6, 10, 16, 24, 36, 48 blocks"), "{text}");
    }
}

#[test]
fn what_the_noise_lets_one_see_is_told_for_wall_and_cpu_seconds() {
    let records = run();
    let report = Report::of(&records);
    for text in [terminal(&report, false), markdown(&report)] {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        // Of the builds of a second and more in six blocks; `noop` is too short to count.
        assert!(text.contains("To see a difference in time in eight of ten runs takes"), "{text}");
        assert!(text.contains("the median of 2 comparisons"), "{text}");
        assert!(text.contains("To see a difference in CPU time"), "{text}");
    }
    let few = RunBuilder::new().scenario("s").samples(&Event::Cold, SampleColumn::Wall, &[9.0; 5], &[9.5; 5]);
    let records = few.build();
    assert!(!markdown(&Report::of(&records)).contains("To see a difference"), "five blocks tell no noise");
}

#[test]
fn an_aa_run_says_so_in_every_form_and_how_often_it_found_something() {
    let mut records = run();
    assert!(!markdown(&Report::of(&records)).contains("A/A run"));
    for scenario in &mut records.plan.scenarios {
        scenario.claims.clear();
    }
    records.info.aa = true;
    let report = Report::of(&records);
    let forms = [terminal(&report, false), markdown(&report), html(&report).unwrap(), brief(&report)]
        .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    for text in &forms {
        assert!(text.contains("A/A run"), "{text}");
    }
    for text in &forms[..3] {
        // Wall of three events and CPU of one; cold took longer and the edit less, by far.
        assert!(text.contains("4 comparisons of 6 blocks each were judged as practices are. Called a help or a hurt: 2 of 4 (50 %, 95 % interval"), "{text}");
    }
    let json: serde_json::Value = serde_json::from_str(&json(&report)).unwrap();
    assert_eq!(json["false_positives"][0]["metric"], "wall_s");
    assert_eq!(json["false_positives"][0]["effects"], 1);
}

#[test]
fn what_bears_on_the_noise_of_the_machine_is_told_where_it_is_known() {
    let mut records = run();
    assert!(markdown(&Report::of(&records)).contains("50.0 GB of disk free at the start |"), "an older run");
    let machine = &mut records.info.machine;
    machine.governor = Some("powersave".to_owned());
    machine.disk_rotates = Some(true);
    machine.memory_available_bytes = Some(3 * 1000 * MB);
    records.info.end = Some(EndInfo { load_1m: 1.9, steal_share: Some(0.042) });
    let text = markdown(&Report::of(&records));
    for fact in [
        "3.00 GB of memory available",
        "a disk that rotates",
        "frequency governor powersave",
        "load 1.90 at the end, 4.2 % of processor time went to other machines",
    ] {
        assert!(text.contains(fact), "{fact}: {text}");
    }
}
