//! The blueprint's own services in development: started, watched, stopped.

use crate::output::Output;
use insula_blueprint::{Compiled, Upstream};
use std::{
    collections::BTreeMap,
    path::{self, Path},
    process::Stdio,
    time::Duration,
};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::{sleep, timeout},
};

/// How long a service may take to listen; a first build of it counts.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Services that run beside the installation.
#[derive(Default)]
pub(crate) struct Services {
    running: Vec<(String, Child)>,
}

impl Services {
    /// Starts every service that the blueprint says how to start, and waits until each listens. It may be given up
    /// half-way: what was started by then is known, and can be stopped. `tokens` are what they authenticate with; each can
    /// keep what it wants in a folder of its own in `data`.
    pub(crate) async fn start(
        &mut self,
        blueprint: &Compiled,
        folder: &Path,
        url: &str,
        tokens: &BTreeMap<String, String>,
        data: &Path,
        output: &Output,
    ) -> Result<(), String> {
        // It is looked at from the service's folder.
        let data = path::absolute(data).map_err(|error| error.to_string())?.join("services");
        for upstream in blueprint.upstreams().iter().filter(|upstream| !upstream.run.is_empty()) {
            let Some(target) = upstream.targets.first().map(ToString::to_string) else { continue };
            if listens(&target).await {
                output.progress(&format!(
                    "{}: something listens at {target} already; it is used as it is.",
                    upstream.name
                ));
                continue;
            }
            output.progress(&format!("{}: starting `{}` …", upstream.name, upstream.run.join(" ")));
            let token = tokens.get(&upstream.name).map(String::as_str).unwrap_or_default();
            let child = spawn(upstream, folder, url, token, &data.join(&upstream.name), &target)?;
            self.running.push((upstream.name.clone(), child));
            self.wait_for(&upstream.name, &target).await?;
        }
        Ok(())
    }

    async fn wait_for(&mut self, name: &str, target: &str) -> Result<(), String> {
        let running = &mut self.running;
        let waiting = async {
            loop {
                if listens(target).await {
                    return Ok(());
                }
                if let Some((_, child)) = running.last_mut()
                    && let Ok(Some(status)) = child.try_wait()
                {
                    return Err(format!("the service `{name}` ended at its start: {status}"));
                }
                sleep(LOOK_EVERY).await;
            }
        };
        let late =
            || Err(format!("the service `{name}` doesn't listen at {target} after {} s", PATIENCE.as_secs()));
        timeout(PATIENCE, waiting).await.unwrap_or_else(|_| late())
    }

    /// Waits until one of the services ends, and says which.
    pub(crate) async fn first_to_end(&mut self) -> String {
        if self.running.is_empty() {
            std::future::pending::<()>().await;
        }
        loop {
            for (name, child) in &mut self.running {
                if let Ok(Some(status)) = child.try_wait() {
                    return format!("the service `{name}` ended: {status}");
                }
            }
            sleep(LOOK_EVERY * 10).await;
        }
    }

    /// Forgets services that have ended.
    pub(crate) fn forget_ended(&mut self) {
        self.running.retain_mut(|(_, child)| matches!(child.try_wait(), Ok(None)));
    }

    /// Stops them, and what they started.
    pub(crate) async fn stop(mut self) {
        for (_, child) in &mut self.running {
            stop_group(child).await;
            let _ = timeout(Duration::from_secs(5), child.wait()).await;
            let _ = child.start_kill();
        }
    }
}

/// Asks a service's whole process group to end: a service may be started by a build tool.
async fn stop_group(child: &Child) {
    if let Some(id) = child.id() {
        let _ = Command::new("kill")
            .args(["-TERM", "--", &format!("-{id}")])
            .stderr(Stdio::null())
            .status()
            .await;
    }
}

fn spawn(
    upstream: &Upstream,
    folder: &Path,
    url: &str,
    token: &str,
    data: &Path,
    target: &str,
) -> Result<Child, String> {
    let (program, arguments) = upstream.run.split_first().ok_or("there is nothing to run")?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(folder)
        .env("INSULA_URL", url)
        .env("INSULA_TOKEN", token)
        .env("INSULA_LISTEN", target)
        .env("INSULA_DATA", data)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    command
        .spawn()
        .map_err(|error| format!("the service `{}` can't be started: {program}: {error}", upstream.name))
}

async fn listens(target: &str) -> bool {
    timeout(Duration::from_secs(1), TcpStream::connect(target)).await.is_ok_and(|connected| connected.is_ok())
}
