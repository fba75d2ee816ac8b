//! How long it takes to judge objects one by one, and what one change costs.
//!
//! The objects are those of `conformance/objects` that are accepted, ten thousand of all kinds mixed.

use std::hint::black_box;
use std::path::PathBuf;

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::{Value, json};
use weft_model::{Inventory, api::yaml, validate_object};

const OBJECTS: usize = 10_000;

fn base(file: &PathBuf) -> Value {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let mut documents = yaml::read(&text, "table").unwrap_or_default();
    let table = documents.remove(0).value;
    json!({"apiVersion": table["apiVersion"], "kind": table["kind"],
        "metadata": {"name": "x", "namespace": "shop"}, "spec": table["base"]})
}

fn mixed() -> Vec<Value> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../conformance/objects");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    let bases: Vec<Value> = files.iter().map(base).collect();
    let numbered = |number: usize| {
        let mut object = bases[number % bases.len()].clone();
        object["metadata"]["name"] = json!(format!("object-{number}"));
        object
    };
    (0..OBJECTS).map(numbered).collect()
}

fn bench(criterion: &mut Criterion) {
    let objects = mixed();
    criterion.bench_function("validate 10,000 mixed objects", |bencher| {
        bencher
            .iter(|| objects.iter().map(|object| validate_object(object).1.len()).sum::<usize>());
    });
    let mut inventory = Inventory::default();
    for object in &objects {
        inventory.apply(object);
    }
    let mut changed = objects[0].clone();
    let mut round = 0_u64;
    criterion.bench_function("one of 10,000 objects changes", |bencher| {
        bencher.iter(|| {
            round += 1;
            changed["metadata"]["labels"] = json!({"round": round.to_string()});
            black_box(inventory.apply(&changed))
        });
    });
    criterion.bench_function("one of 10,000 objects changes, and the model after it", |bencher| {
        bencher.iter(|| {
            round += 1;
            changed["metadata"]["labels"] = json!({"round": round.to_string()});
            inventory.apply(&changed);
            black_box(inventory.model())
        });
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
