//! Walking a context of 50 000 files: what every build pays before the first byte is sent.

use std::fs;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use harness::engine::buildkit::Context;
use harness::engine::buildkit::tree::{Filter, Patterns, Tree, Walk};
use tempfile::TempDir;

const DIRS: usize = 500;
const FILES: usize = 100;

/// What the ignore files of Python projects hold.
const IGNORE: [&str; 10] = [
    ".git",
    "**/__pycache__",
    "**/*.pyc",
    "*.log",
    ".venv",
    "data/*",
    "!data/keep",
    "**/.ipynb_checkpoints",
    "docs/**/*.md",
    "!docs/README.md",
];

fn plant() -> TempDir {
    let dir = TempDir::new().unwrap();
    for i in 0..DIRS {
        let below = dir.path().join(format!("package{}/module{i}", i % 20));
        fs::create_dir_all(&below).unwrap();
        for j in 0..FILES {
            let extension = ["py", "pyc", "txt", "json"][j % 4];
            fs::write(below.join(format!("file{j}.{extension}")), "").unwrap();
        }
    }
    dir
}

fn walk(tree: &Tree, exclude: &[String], follow: &[String]) -> usize {
    let filter = Filter::new(tree, &[], exclude, follow).unwrap();
    Walk::new(tree, &filter).map(Result::unwrap).count()
}

fn context(criterion: &mut Criterion) {
    let dir = plant();
    let tree = Tree::open(&Context { root: dir.path().to_owned(), ..Context::default() }).unwrap();
    let ignore = IGNORE.map(String::from);
    let mut group = criterion.benchmark_group("walk of 50 000 files");
    group.sample_size(10);
    group.bench_function("all", |bencher| bencher.iter(|| walk(&tree, &[], &[])));
    group.bench_function("ignore file", |bencher| bencher.iter(|| walk(&tree, black_box(&ignore), &[])));
    let one = ["package3/module3".to_owned()];
    group
        .bench_function("one directory named by COPY", |bencher| bencher.iter(|| walk(&tree, &ignore, &one)));
    group.finish();
    criterion
        .bench_function("parse an ignore file", |bencher| bencher.iter(|| Patterns::new(black_box(&ignore))));
}

criterion_group!(benches, context);
criterion_main!(benches);
