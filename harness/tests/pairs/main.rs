//! The pairs as pairs: each differs by its practice alone, and its Dockerfiles are in good style.

mod difference;
mod hadolint;
mod startup;
