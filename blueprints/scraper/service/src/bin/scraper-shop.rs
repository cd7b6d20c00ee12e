//! The program `scraper-shop`: a small shop to try the scraper on.

use clap::Parser;
use std::{io, net::SocketAddr};
use tokio::net::TcpListener;

/// A small shop with made-up products, to try the scraper on.
#[derive(Parser)]
struct Options {
    /// Where it listens.
    #[arg(long, env = "INSULA_LISTEN", default_value = "127.0.0.1:7102")]
    listen: SocketAddr,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind(Options::parse().listen).await?;
    println!("{}", listener.local_addr()?);
    scraper_service::shop::serve(listener).await
}
