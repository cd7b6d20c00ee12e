-- For wrk: its figures as one line that a program can read.

function done(summary, latency, _)
   local errors = summary.errors
   io.write(string.format(
      "FIGURES requests=%d duration_us=%d p50_us=%d p99_us=%d status=%d broken=%d\n",
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
      errors.connect + errors.read + errors.write + errors.timeout))
end
