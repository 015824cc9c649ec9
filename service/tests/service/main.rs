//! The service, asked over HTTP: one program, since each one more would take as long to build as all of them together.

mod support;

mod at_once;
mod backups;
mod bad_requests;
mod bulk;
mod command;
mod connections;
mod crash;
mod customers;
mod deploy;
mod events;
mod floods;
mod lifetime;
mod limits;
mod lists_beside;
mod lists_room;
mod lists_wait;
mod log;
mod metrics;
mod moves;
mod openapi;
mod operations;
mod orders;
mod refused_midway;
mod series;
mod stock;
