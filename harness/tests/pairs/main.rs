//! The pairs as pairs: each differs by its practice alone, its Dockerfiles are in good style, and
//! what stands beside them for production is valid.

mod difference;
mod hadolint;
mod production;
mod startup;
