//! The throw-away PostgreSQL cluster that all test processes of a run share.

use insula_kernel::Secret;
use insula_storage::{Engine, PostgresUrls, Storage};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::{
    fs::{self, File},
    net::TcpListener,
    os::unix::{
        fs::{PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

/// Debian's `nobody`: PostgreSQL refuses to run as root.
const UNPRIVILEGED: u32 = 65_534;
/// A cluster that no test has used for so long stops and removes itself.
const IDLE_SECONDS: u32 = 600;
/// How often it is looked whether one does.
const LOOK_SECONDS: u32 = 15;

/// A running cluster.
pub struct Cluster {
    port: u16,
}

/// A database of one test; dropped with the value.
pub struct Database {
    cluster: Cluster,
    name: String,
}

impl Cluster {
    /// The cluster of this user, started if it isn't running; and the lock on it.
    async fn shared() -> (Self, File) {
        let uid = user();
        let home = std::env::temp_dir().join(format!("insula-test-postgres-{uid}"));
        fs::create_dir_all(&home).expect("a folder for the cluster");
        let lock = File::create(home.join("lock")).expect("a lock file");
        lock.lock().expect("the lock");
        fs::write(home.join("last-use"), "").expect("a note of the use");
        let cluster = match Self::running(&home).await {
            Some(running) => running,
            None => Self::start(&home, uid == 0, [IDLE_SECONDS, LOOK_SECONDS]).await,
        };
        (cluster, lock)
    }

    async fn running(home: &Path) -> Option<Self> {
        let port = fs::read_to_string(home.join("port")).ok()?.trim().parse().ok()?;
        let cluster = Self { port };
        cluster.connect("postgres").await.ok()?;
        Some(cluster)
    }

    /// Starts one in this folder that stops after so many idle seconds, looked at every so many.
    async fn start(home: &Path, root: bool, idle: [u32; 2]) -> Self {
        let data = home.join("data");
        let _ = fs::remove_dir_all(&data);
        fs::create_dir(&data).expect("the data folder");
        fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).expect("its mode");
        if root {
            chown(&data, Some(UNPRIVILEGED), Some(UNPRIVILEGED)).expect("its owner");
        }
        let bin = binaries();
        let run = |program: &str, arguments: &[&str]| {
            let mut command = Command::new(bin.join(program));
            command.args(arguments).current_dir(&data).stdin(Stdio::null()).stdout(Stdio::null());
            if root {
                command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
            }
            let status = command.status().unwrap_or_else(|error| panic!("{program} can't be run: {error}"));
            assert!(status.success(), "{program} failed");
        };
        let folder = data.to_str().expect("a path in UTF-8");
        run(
            "initdb",
            &[
                "-D",
                folder,
                "-U",
                "postgres",
                "-A",
                "trust",
                "--no-sync",
                "-E",
                "UTF8",
                "--locale",
                "C.UTF-8",
            ],
        );
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|socket| socket.local_addr())
            .expect("a free port")
            .port();
        // Nothing here outlives the tests, so nothing needs to reach the disk.
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c full_page_writes=off \
             -c synchronous_commit=off -c max_connections=500 -c shared_buffers=128MB -c log_min_messages=fatal"
        );
        run("pg_ctl", &["-D", folder, "-w", "-o", &options, "-l", &format!("{folder}/log"), "start"]);
        fs::write(home.join("port"), port.to_string()).expect("a note of the port");
        let cluster = Self { port };
        watch(home, &bin, &cluster.url("postgres", "postgres"), root, idle);
        let mut admin = cluster.connect("postgres").await.expect("a connection");
        for role in ["insula_migrate", "insula_tenant", "insula_platform"] {
            execute(&mut admin, &format!("CREATE ROLE {role} LOGIN")).await;
        }
        cluster
    }

    /// The migrated database that tests copy: one for each state of the schema. Called under the lock.
    async fn template(&self) -> String {
        let name = format!("insula_template_{:x}", insula_storage::schema_fingerprint());
        let mut admin = self.connect("postgres").await.expect("a connection");
        let found = sqlx::query("SELECT 1 FROM pg_database WHERE datname = $1")
            .bind(&name)
            .fetch_optional(&mut admin)
            .await;
        if found.expect("the catalogue").is_none() {
            let draft = Database { cluster: Self { port: self.port }, name: format!("{name}_draft") };
            execute(&mut admin, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", draft.name)).await;
            execute(&mut admin, &format!("CREATE DATABASE {} OWNER insula_migrate", draft.name)).await;
            Storage::open(&Engine::Postgres(draft.urls())).await.expect("a migrated template").close().await;
            let release = format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
                draft.name
            );
            execute(&mut admin, &release).await;
            execute(&mut admin, &format!("ALTER DATABASE {} RENAME TO {name}", draft.name)).await;
        }
        name
    }

    /// Connects as a superuser.
    pub async fn connect(&self, database: &str) -> sqlx::Result<PgConnection> {
        PgConnection::connect(&self.url("postgres", database)).await
    }

    fn url(&self, role: &str, database: &str) -> String {
        format!("postgres://{role}@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }
}

impl Database {
    /// A fresh, migrated database.
    pub async fn create() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (cluster, lock) = Cluster::shared().await;
        let template = cluster.template().await;
        drop(lock);
        let name = format!("t_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut admin = cluster.connect("postgres").await.expect("a connection");
        // Ids of processes come round again; a run that was killed leaves its databases behind.
        execute(&mut admin, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        execute(&mut admin, &format!("CREATE DATABASE {name} OWNER insula_migrate TEMPLATE {template}"))
            .await;
        Self { cluster, name }
    }

    /// The database under its three roles.
    #[must_use]
    pub fn urls(&self) -> PostgresUrls {
        let url = |role| Secret::new(self.cluster.url(role, &self.name));
        PostgresUrls {
            migrate: url("insula_migrate"),
            tenant: url("insula_tenant"),
            platform: url("insula_platform"),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Connects to the cluster as a superuser, apart from this database.
    pub async fn administrator(&self) -> PgConnection {
        self.cluster.connect("postgres").await.expect("a connection")
    }

    /// Connects under a role, for raw SQL.
    pub async fn connect(&self, role: &str) -> PgConnection {
        PgConnection::connect(&self.cluster.url(role, &self.name)).await.expect("a connection")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let url = self.cluster.url("postgres", "postgres");
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let _ = Command::new(binaries().join("psql"))
            .args(["-q", "-d", &url, "-c", &drop])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

async fn execute(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

#[expect(clippy::zombie_processes, reason = "the watch is meant to outlive this process")]
/// Stops the cluster once it has been idle: nobody has asked for a database, and nobody is connected to one, however long
/// that test takes. A process of its own, since no test process lives long enough to do it.
fn watch(home: &Path, bin: &Path, url: &str, root: bool, [idle, look]: [u32; 2]) {
    let script = format!(
        "used=$(date +%s)
         while
           asked=$(stat -c %Y '{home}/last-use' || echo 0)
           [ \"$asked\" -gt \"$used\" ] && used=$asked
           [ $(( $(date +%s) - used )) -lt {idle} ]
         do
           sleep {look}
           others=$('{bin}/psql' -Atq -d '{url}' -c \"SELECT count(*) FROM pg_stat_activity WHERE datname <> 'postgres'\")
           [ \"${{others:-0}}\" -gt 0 ] && used=$(date +%s)
         done
         '{bin}/pg_ctl' -D '{home}/data' -m immediate stop; rm -f '{home}/port'",
        home = home.display(),
        bin = bin.display(),
    );
    let mut command = Command::new("sh");
    command
        .args(["-c", &script])
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if root {
        command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
        fs::set_permissions(home, fs::Permissions::from_mode(0o777)).expect("the folder's mode");
    }
    command.spawn().expect("a watch over the cluster");
}

/// Who runs the tests.
fn user() -> u32 {
    fs::metadata("/proc/self").map_or(0, |meta| std::os::unix::fs::MetadataExt::uid(&meta))
}

/// Where the server's programs are: the newest of Debian's packages, or the search path.
fn binaries() -> PathBuf {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    versions.sort();
    let on_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|folder| folder.join("initdb").exists())
    };
    versions
        .pop()
        .or_else(on_path)
        .expect("PostgreSQL's server programs (on Debian: apt-get install postgresql)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_cluster_stays_as_long_as_a_test_is_connected_and_no_longer() {
        let root = user() == 0;
        let home = tempfile::tempdir().expect("a folder");
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o777)).expect("its mode");
        fs::write(home.path().join("last-use"), "").expect("a note of the use");
        let cluster = Cluster::start(home.path(), root, [3, 1]).await;
        let mut admin = cluster.connect("postgres").await.expect("a connection");
        execute(&mut admin, "CREATE DATABASE t_long").await;
        drop(admin);
        let mut long = cluster.connect("t_long").await.expect("a connection");
        // Longer than a cluster that is idle lives.
        execute(&mut long, "SELECT pg_sleep(8)").await;
        drop(long);
        let stopped = async {
            while home.path().join("port").exists() {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        };
        let patience = std::time::Duration::from_secs(60);
        tokio::time::timeout(patience, stopped).await.expect("it stops when nobody is connected");
    }
}
