//! Tare.
fn main() {}
