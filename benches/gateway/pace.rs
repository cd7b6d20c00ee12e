//! Sends requests at a steady mean rate, whatever the replies do, and tells how long they took.
//!
//! wrk sends the next request when the reply is there, and its pauses are whole milliseconds, which makes bursts
//! of what should come evenly. Here each connection has a thread and a timetable of its own, with exponential
//! gaps, so that arrivals are those of independent clients. A request that is due while its connection still
//! waits for a reply is sent late, and its latency counts from when it was due: a server that stalls doesn't
//! make its own latencies disappear. A request whose connection is idle counts from when it is really sent,
//! since an operating system that wakes the client late is not the server's fault.
//!
//! `rustc -O pace.rs && ./pace <address> <path> <header> <requests per second> <connections> <seconds>`

use std::{
    error::Error,
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

type AnyError = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), AnyError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, path, header, rate, connections, seconds] = &arguments[..] else {
        return Err(
            "usage: pace <address> <path> <header> <requests per second> <connections> <seconds>".into()
        );
    };
    let (rate, connections): (f64, u32) = (rate.parse()?, connections.parse()?);
    let seconds: f64 = seconds.parse()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{header}\r\n\r\n");
    let streams = (0..connections).map(|_| connect(address)).collect::<Result<Vec<_>, _>>()?;

    let start = Instant::now();
    let end = start + Duration::from_secs_f64(seconds);
    let gap = f64::from(connections) / rate;
    let mut latencies = Vec::new();
    let (mut late, mut bad, mut broken) = (0, 0, 0);
    thread::scope(|scope| {
        let clients: Vec<_> = streams
            .into_iter()
            .enumerate()
            .map(|(number, stream)| {
                let client =
                    Client { stream, request: request.as_bytes(), random: Random(number as u64 + 1), gap };
                // The default stack would be memory for nothing.
                thread::Builder::new()
                    .stack_size(64 << 10)
                    .spawn_scoped(scope, move || client.run(start, end))
            })
            .collect();
        for client in clients {
            match client.map(|running| running.join()) {
                Ok(Ok(result)) => {
                    latencies.extend(result.latencies);
                    late += result.late;
                    bad += result.bad;
                    broken += u32::from(result.broken);
                }
                _ => broken += 1,
            }
        }
    });
    let elapsed = start.elapsed();
    latencies.sort_unstable();
    let at = |share: f64| latencies.get((latencies.len() as f64 * share) as usize).copied().unwrap_or(0);
    let mean = latencies.iter().map(|&us| u64::from(us)).sum::<u64>() / latencies.len().max(1) as u64;
    println!(
        "FIGURES requests={} duration_us={} p50_us={} p99_us={} p999_us={} mean_us={mean} status={bad} broken={broken} late={late}",
        latencies.len(),
        elapsed.as_micros(),
        at(0.5),
        at(0.99),
        at(0.999),
    );
    Ok(())
}

fn connect(address: &str) -> Result<TcpStream, AnyError> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    Ok(stream)
}

/// One connection and its timetable.
struct Client<'a> {
    stream: TcpStream,
    request: &'a [u8],
    random: Random,
    /// Mean seconds between requests.
    gap: f64,
}

#[derive(Default)]
struct Outcome {
    latencies: Vec<u32>,
    late: u32,
    bad: u32,
    broken: bool,
}

impl Client<'_> {
    fn run(mut self, start: Instant, end: Instant) -> Outcome {
        let mut outcome = Outcome::default();
        let mut due = start;
        let mut buffer = vec![0; 16 << 10];
        loop {
            due += Duration::from_secs_f64(-self.gap * self.random.unit().ln());
            if due >= end {
                return outcome;
            }
            let now = Instant::now();
            let from = if due > now {
                thread::sleep(due - now);
                Instant::now()
            } else {
                outcome.late += 1;
                due
            };
            match self.ask(&mut buffer) {
                Ok(ok) => {
                    outcome.bad += u32::from(!ok);
                    outcome.latencies.push(from.elapsed().as_micros().try_into().unwrap_or(u32::MAX));
                }
                Err(_) => {
                    outcome.broken = true;
                    return outcome;
                }
            }
        }
    }

    /// Sends the request and reads the whole reply; whether its status was 200.
    fn ask(&mut self, buffer: &mut [u8]) -> Result<bool, AnyError> {
        self.stream.write_all(self.request)?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(buffer.get_mut(filled..).ok_or("a reply is too large")?)?;
            if read == 0 {
                return Err("the connection was closed".into());
            }
            filled += read;
            if is_whole(&buffer[..filled])? {
                return Ok(buffer.starts_with(b"HTTP/1.1 200"));
            }
        }
    }
}

/// Whether a reply is there to its end.
fn is_whole(reply: &[u8]) -> Result<bool, AnyError> {
    let Some(head) = reply.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(false) };
    let text = std::str::from_utf8(&reply[..head])?;
    for line in text.split("\r\n").skip(1) {
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.eq_ignore_ascii_case("content-length") {
            return Ok(reply.len() >= head + 4 + value.trim().parse::<usize>()?);
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Ok(reply.ends_with(b"0\r\n\r\n"));
        }
    }
    Err("a reply without length".into())
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    /// In (0, 1].
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64 + f64::MIN_POSITIVE
    }
}
