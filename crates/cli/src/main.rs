//! The program `insula`: runs an installation, and talks to one.
//!
//! Exit codes: 0 done; 1 it failed, and says why on standard error; 2 the command line is wrong; 3 what was checked has
//! mistakes (`blueprint check`, `doctor`, `explain invoice`, `ledger check`).

mod billing;
mod blueprint;
mod client;
mod demo;
mod development;
mod doctor;
mod explain;
mod invoices;
mod keys;
mod ledger;
mod lines;
mod members;
mod orgs;
mod output;
mod plan;
mod projects;
mod run;
mod subscription;
mod up;
mod upstreams;
mod usage;

use clap::{Parser, Subcommand};
use output::{Failed, Output};
use std::{path::PathBuf, process::ExitCode};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Turns an application into a multi-tenant SaaS: one blueprint, one binary.
#[derive(Parser)]
#[command(name = "insula", version, about, propagate_version = true)]
struct Arguments {
    /// Answer in JSON, for programs.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a blueprint with an embedded store, for development.
    Up(up::UpArguments),
    /// Run an installation, for production.
    Serve {
        /// The configuration file.
        #[arg(long)]
        config: PathBuf,
    },
    /// Check a blueprint, show its schema, say what it would change, put it in force.
    #[command(subcommand)]
    Blueprint(blueprint::BlueprintCommand),
    /// Make, show, change and close organizations, as the operator.
    #[command(subcommand)]
    Org(orgs::OrgCommand),
    /// Invite, list, change and remove members of an organization.
    Member(members::MemberArguments),
    /// Make, list and archive projects of an organization.
    Project(projects::ProjectArguments),
    /// Make, list, rotate and revoke API keys of an organization, or of all in an emergency.
    Key(keys::KeyArguments),
    /// Show what an organization used.
    Usage(usage::UsageArguments),
    /// Show and change what an organization is subscribed to.
    #[command(subcommand)]
    Subscription(subscription::SubscriptionCommand),
    /// Show and export what an organization is charged.
    #[command(subcommand)]
    Invoice(invoices::InvoiceCommand),
    /// Price a quantity without selling it.
    Quote(billing::QuoteArguments),
    /// Show and move the clocks of organizations that have a test clock.
    #[command(subcommand)]
    Clock(billing::ClockCommand),
    /// Say why a request was let through or refused and what it used, or how a line of an invoice came about.
    Explain(explain::ExplainArguments),
    /// Compare what was charged with what was admitted.
    Ledger(ledger::LedgerArguments),
    /// Say what is wrong with a set-up.
    Doctor(doctor::DoctorArguments),
    /// Print the OpenAPI document of the API.
    #[command(hide = true)]
    Openapi,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = Output::new(arguments.json);
    let outcome = match arguments.command {
        Command::Up(up) => up::up(&up, &output),
        Command::Serve { config } => run::serve(&config, &output),
        Command::Blueprint(command) => blueprint::run(&command, &output),
        Command::Org(org) => orgs::run(&org, &output),
        Command::Member(member) => members::run(&member, &output),
        Command::Project(project) => projects::run(&project, &output),
        Command::Key(key) => keys::run(&key, &output),
        Command::Usage(usage) => usage::run(&usage, &output),
        Command::Subscription(subscription) => subscription::run(&subscription, &output),
        Command::Invoice(invoice) => invoices::run(&invoice, &output),
        Command::Quote(quote) => billing::quote(&quote, &output),
        Command::Clock(clock) => billing::clock(&clock, &output),
        Command::Explain(explain) => explain::run(&explain, &output),
        Command::Ledger(ledger) => ledger::run(&ledger, &output),
        Command::Doctor(doctor) => doctor::run(&doctor, &output),
        Command::Openapi => {
            output.plain(&serde_json::to_string_pretty(&insula_app::openapi()).unwrap_or_default());
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => output.fail(&failed),
    }
}

type Outcome = Result<(), Failed>;
