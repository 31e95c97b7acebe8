//! The program as a person runs it: what it prints and records, what it leaves behind, and what it says
//! when something goes wrong.

mod bad_input;
mod bench;
mod blocks;
mod cgroups;
mod development;
mod dockerd;
mod handed_over;
mod own_engine;
mod repro;
mod resume;
mod scan;
mod secrets;
mod startup;
mod support;
mod turned;
