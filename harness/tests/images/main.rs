//! Real images of the real engine: what is said of them, and what they answer. Needs root.

mod answer;
mod packages;
mod rig;
mod sizes;
mod starts;
