//! A gateway in front of one address, with the whole request path: to measure what it costs beside other proxies.
//!
//! `cargo run --release -p insula-gateway --example forward -- LISTEN UPSTREAM CORES`, then send requests for any path
//! with the key it prints. It runs until its standard input ends.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a measurement that can't go on has failed")]

mod measured;

use insula_gateway::{Control, Gate, Gateway, GatewayParts, HostRules, Settings};
use insula_kernel::{Env, Span};
use insula_metering::log::{Log, Options};
use std::{env, io::Read as _, sync::Arc, thread, time::Duration};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [listen, upstream, cores] = &arguments[..] else { panic!("LISTEN UPSTREAM CORES") };
    let env = Env::system();
    let (parts, keys, _) = measured::gate(&env, upstream, 1, 1);
    println!("{}", keys[0]);
    let gate = Gate::new(parts);
    let folder = tempfile::tempdir().expect("a folder");
    let (log, mut tail) = Log::open(folder.path(), Options::default(), env).expect("the log opens");
    thread::spawn(move || {
        loop {
            let polled = tail.poll(100_000, |_| ()).expect("the log can be read");
            tail.confirm(polled.mark).expect("segments can be removed");
            thread::park_timeout(Duration::from_millis(100));
        }
    });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let control = Control { runtime: runtime.handle().clone(), router: axum::Router::new() };
    let settings = Settings { cores: cores.parse().ok(), ..Settings::default() };
    let hosts = HostRules::default();
    let parts = GatewayParts { gate: Arc::new(gate), log, hosts, control, settings };
    let running =
        Gateway::bind(listen.as_str()).expect("the address is free").serve(parts).expect("it starts");
    drop(std::io::stdin().read_to_end(&mut Vec::new()));
    running.shutdown(Span::from_secs(1));
}
