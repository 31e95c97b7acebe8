//! The JSON Schemas in `results/schema`: made from the types of the records, so that they cannot fall behind them, and
//! held against real runs.

use std::path::{Path, PathBuf};

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use crate::claims::settle;
use crate::record::testing::info;
use crate::record::{ClaimRow, RunDir, RunInfo};

/// Set, it has the files written anew.
const WRITE: &str = "TARE_WRITE_SCHEMAS";

fn results() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../results")
}

fn schema<T: JsonSchema>(title: &str) -> Value {
    let mut schema: Schema =
        SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), json!(title));
    schema.to_value()
}

fn run_schema() -> Value {
    schema::<RunInfo>("run.json of a Tare run")
}

fn claims_schema() -> Value {
    schema::<Vec<ClaimRow>>("The claims of a Tare run: the rows of claims.csv, with null for an empty field")
}

fn errors(schema: &Value, document: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(schema).unwrap();
    validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn the_files_are_made_from_the_types() {
    for (name, schema) in [("run", run_schema()), ("claims", claims_schema())] {
        let path = results().join(format!("schema/{name}.schema.json"));
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if std::env::var_os(WRITE).is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            checked_in == text,
            "{} is not that of the types: make it anew with {WRITE}=1",
            path.display()
        );
    }
}

#[test]
fn the_reference_runs_keep_to_them() {
    let mut seen = 0;
    for entry in std::fs::read_dir(results()).unwrap() {
        let path = entry.unwrap().path();
        if !path.join("run.json").exists() {
            continue;
        }
        seen += 1;
        let run: Value = serde_json::from_slice(&std::fs::read(path.join("run.json")).unwrap()).unwrap();
        assert_eq!(errors(&run_schema(), &run), [""; 0], "{}", path.display());
        let claims = settle(&RunDir::open(&path).unwrap().read().unwrap());
        let claims = serde_json::to_value(claims).unwrap();
        assert_eq!(errors(&claims_schema(), &claims), [""; 0], "{}", path.display());
    }
    assert!(seen > 0);
}

#[test]
fn what_no_run_has_is_refused() {
    let good = serde_json::to_value(info()).unwrap();
    assert_eq!(errors(&run_schema(), &good), [""; 0]);
    for (key, value) in [("seed", json!("seven")), ("profile", json!("quickest")), ("surprise", json!(1))] {
        let mut bad = good.clone();
        bad[key] = value;
        assert!(!errors(&run_schema(), &bad).is_empty(), "{key}");
    }
    let mut bad = good;
    bad.as_object_mut().unwrap().remove("machine");
    assert!(!errors(&run_schema(), &bad).is_empty(), "a key that is missing");
    assert!(!errors(&claims_schema(), &json!([{"scenario": "s", "verdict": "perhaps"}])).is_empty());
}
