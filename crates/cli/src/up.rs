//! `insula up`: a blueprint with an embedded store, ready to try.

use crate::{
    Outcome,
    client::{self, Client},
    demo,
    development::{Demo, Development, Person, write_private},
    output::{Failed, Output},
    run,
    upstreams::Services,
};
use clap::Args;
use insula_app::{Config, FirstOperator, read_secret};
use insula_blueprint::Compiled;
use insula_kernel::{Env, Secret, base32_encode};
use insula_storage::Engine;
use serde_json::{Value as Json, json};
use std::{
    fs::DirBuilder,
    net::{SocketAddr, ToSocketAddrs as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    time::Instant,
};

const OPERATOR: &str = "operator@insula.localhost";

#[derive(Args)]
pub(crate) struct UpArguments {
    /// The blueprint's directory.
    #[arg(default_value = ".")]
    blueprint: PathBuf,
    /// Make an organization with an API key, to try things out.
    #[arg(long)]
    demo: bool,
    /// The folder for everything that is kept.
    #[arg(long, default_value = "insula-data")]
    data: PathBuf,
    /// The address to listen at.
    #[arg(long, default_value = "localhost:7070")]
    listen: String,
    /// The address at which Prometheus finds `/metrics`; nowhere if left out.
    #[arg(long, env = "INSULA_METRICS_LISTEN")]
    metrics_listen: Option<SocketAddr>,
}

pub(crate) fn up(arguments: &UpArguments, output: &Output) -> Outcome {
    run::log(false);
    let begun = Instant::now();
    let source = run::read_blueprint(&arguments.blueprint)?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&arguments.data)
        .map_err(|error| format!("the data folder {} can't be used: {error}", arguments.data.display()))?;
    let mut known = Development::read(&arguments.data).unwrap_or_default();
    let config = config(arguments, &mut known)?;
    let host = host(&arguments.listen);
    let runtime = run::runtime()?;
    runtime.block_on(async {
        let blueprint = source.compiled.clone();
        let (insula, _) = run::start(config, Some(source)).await?;
        let url = format!("http://{host}:{}", insula.local_addr().port());
        if let Some(address) = insula.metrics_addr() {
            output.progress(&format!("insula: metrics at http://{address}/metrics"));
        }
        let mut services = Services::default();
        let outcome = tokio::select! {
            // Heard from here on, so that a service which is just being started is stopped too.
            stopped = run::told_to_stop() => stopped,
            failed = serve(arguments, &url, &blueprint, known, &mut services, begun, output) => failed,
        };
        insula.shutdown().await;
        services.stop().await;
        outcome
    })
}

/// Runs the blueprint's services beside the installation, for as long as it isn't dropped or fails.
async fn serve(
    arguments: &UpArguments,
    url: &str,
    blueprint: &Compiled,
    mut known: Development,
    services: &mut Services,
    begun: Instant,
    output: &Output,
) -> Outcome {
    known.url = Some(url.to_owned());
    if arguments.demo {
        // Kept before it is used: a sign-up whose password was lost couldn't be done again.
        known.demo.get_or_insert_with(Demo::fresh).with_members(blueprint.demo());
    }
    known.write(&arguments.data)?;
    let prepared = {
        let (url, blueprint, mut known, with_demo) =
            (url.to_owned(), blueprint.clone(), known.clone(), arguments.demo);
        tokio::task::spawn_blocking(move || -> Result<Development, Failed> {
            issue_tokens(&url, &blueprint, &mut known)?;
            if with_demo {
                demo::make(&url, &blueprint, &mut known)?;
            }
            Ok(known)
        })
    };
    let known = prepared.await.map_err(|error| Failed::new(error.to_string()))??;
    known.write(&arguments.data)?;
    let folder = folder_of(&arguments.blueprint);
    services.start(blueprint, &folder, url, &known.services, &arguments.data, output).await?;
    let known = called(arguments, url, blueprint, known, output).await?;
    announce(&known, url, blueprint, begun, output);
    loop {
        let ended = services.first_to_end().await;
        output.progress(&format!("insula: {ended}; its routes answer 502 until it runs again."));
        services.forget_ended();
    }
}

/// Makes the calls of the demo, unless an earlier start did: its services run now.
async fn called(
    arguments: &UpArguments,
    url: &str,
    blueprint: &Compiled,
    mut known: Development,
    output: &Output,
) -> Result<Development, Failed> {
    let Some(mut demo) = known.demo.take_if(|demo| arguments.demo && !demo.is_called) else {
        return Ok(known);
    };
    let (url, blueprint, output) = (url.to_owned(), blueprint.clone(), output.clone());
    let calling = tokio::task::spawn_blocking(move || {
        demo::call(&url, &blueprint, &mut demo, &output);
        demo
    });
    known.demo = Some(calling.await.map_err(|error| Failed::new(error.to_string()))?);
    known.write(&arguments.data)?;
    Ok(known)
}

/// Issues what each upstream authenticates with, unless an earlier start did and it is good still.
fn issue_tokens(url: &str, blueprint: &Compiled, known: &mut Development) -> Result<(), Failed> {
    let is_good = |token: &String| client::is_recognised(url, token);
    let names = || blueprint.upstreams().iter().map(|upstream| upstream.name.clone());
    known.services.retain(|upstream, token| names().any(|name| name == *upstream) && is_good(token));
    let missing: Vec<String> = names().filter(|name| !known.services.contains_key(name)).collect();
    let Some(operator) = known.operator.as_ref().filter(|_| !missing.is_empty()) else { return Ok(()) };
    let mut client = Client::anonymous(url);
    client.sign_in(&operator.email, &operator.password, None)?;
    for upstream in missing {
        let made = client.post("/v1/operator/services", &json!({ "upstream": upstream }))?;
        let token = made["token"].as_str().unwrap_or_default().to_owned();
        known.services.insert(upstream, token);
    }
    Ok(())
}

/// The directory that a blueprint's services are started in.
fn folder_of(blueprint: &Path) -> PathBuf {
    let folder = if blueprint.is_dir() { Some(blueprint) } else { blueprint.parent() };
    folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

fn host(listen: &str) -> &str {
    let host = listen.rsplit_once(':').map_or(listen, |(host, _)| host);
    // Browsers give pages at `localhost` what they give HTTPS pages; an address gets less.
    if host == "127.0.0.1" || host == "[::1]" || host == "0.0.0.0" { "localhost" } else { host }
}

fn config(arguments: &UpArguments, known: &mut Development) -> Result<Config, Failed> {
    let listen: SocketAddr = arguments
        .listen
        .to_socket_addrs()
        .ok()
        .and_then(|addresses| addresses.into_iter().min_by_key(SocketAddr::is_ipv6))
        .ok_or_else(|| {
            Failed::new(format!("--listen {}: not an address such as localhost:7070", arguments.listen))
        })?;
    let secret = arguments.data.join("secret.key");
    if !secret.exists() {
        write_private(&secret, &random_text(32, true))?;
    }
    let operator = known
        .operator
        .get_or_insert_with(|| Person { email: OPERATOR.to_owned(), password: random_text(15, false) })
        .clone();
    known.write(&arguments.data)?;
    Ok(Config {
        listen,
        public_url: format!("http://{}:{}", host(&arguments.listen), listen.port()),
        platform_hosts: Vec::new(),
        data: arguments.data.clone(),
        engine: Engine::Sqlite { folder: arguments.data.clone() },
        secret: read_secret(&secret)?,
        operator: Some(FirstOperator { email: operator.email, password: Secret::new(operator.password) }),
        cores: None,
        drain_seconds: 5,
        metrics_listen: arguments.metrics_listen,
    })
}

/// Random bytes as text, in hexadecimal or base 32.
pub(crate) fn random_text(bytes: usize, hexadecimal: bool) -> String {
    let mut random = vec![0u8; bytes];
    Env::system().rng.fill(&mut random);
    if hexadecimal {
        return random.iter().map(|byte| format!("{byte:02x}")).collect();
    }
    base32_encode(&random)
}

fn announce(known: &Development, url: &str, blueprint: &Compiled, begun: Instant, output: &Output) {
    let operator = known.operator.as_ref();
    let demo = known.demo.as_ref();
    let line = demo.and_then(|demo| demo::curl(url, blueprint, demo));
    let mut text = format!(
        "\n{} runs at {url} (ready after {:.1} s; Ctrl-C stops it)\n\n  Console   {url}/console/\n",
        blueprint.product().name,
        begun.elapsed().as_secs_f32(),
    );
    if let Some(operator) = operator {
        text.push_str(&format!("  Operator  {}  {}\n", operator.email, operator.password));
    }
    if let Some(demo) = demo {
        text.push_str(&format!("  Demo      {}  {}\n", demo.email, demo.password));
        for person in demo.members.values() {
            text.push_str(&format!("            {}  {}\n", person.email, person.password));
        }
    }
    if let Some(line) = &line {
        text.push_str(&format!("\nTry a call:\n\n  {line}\n"));
    }
    let person = |person: &Person| json!({ "email": person.email, "password": person.password });
    let document = json!({
        "url": url,
        "operator": operator.map_or(Json::Null, person),
        "demo": demo.map_or(Json::Null, |demo| json!({
            "org": demo.org, "email": demo.email, "password": demo.password, "api_key": demo.api_key, "curl": line,
            "keys": demo.keys,
            "members": demo.members.iter().map(|(name, one)| (name.clone(), person(one))).collect::<serde_json::Map<_, _>>(),
        })),
        "services": known.services,
    });
    output.result(&text, &document);
}
