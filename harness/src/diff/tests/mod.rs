//! Images that differ in one known way each, and what is said of them.

mod corpus;
mod documents;
mod held_back;
mod hostile;
mod layers;
mod members;
mod rig;
mod terminal;
