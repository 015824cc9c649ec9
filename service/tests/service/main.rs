//! The service, asked over HTTP: one program, since each one more would take as long to build as all of them together.

mod support;

mod at_once;
mod bad_requests;
mod command;
mod connections;
mod crash;
mod openapi;
mod orders;
mod stock;
