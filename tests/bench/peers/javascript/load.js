// Asks a server many paths in turn, at a steady rate, and prints one JSON
// object: how long answers took in ms, and how many there were.
//
//   node load.js BASE RATE SECONDS CONNECTIONS < list-of-paths
//
// Open loop: a request has a moment at which it is due, whatever became of those
// before it, and its answer is timed from that moment. One that finds no
// connection free has its wait counted, so that nothing is left out because the
// server was slow (coordinated omission).
//
// autocannon connects, sends and reads; when to send is said here. Its own rate
// lets each connection send the requests of a second one after the other, as
// fast as answers come, and rest until the next second begins; its histogram
// counts whole milliseconds, and its correction for omission takes them to be
// due every millisecond, whatever the rate (`lib/httpClient.js`, `lib/run.js`).
//
// The first second is not counted: connections are made and code is compiled.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';

const WARM_UP_S = 1;
const GRACE_S = 10; // How long after the last one was due answers are waited for.

// Of the machine, so that both threads read the same clock.
const nowMs = () => Number(process.hrtime.bigint()) / 1e6;

// A thread of its own says when a request is due: timers know whole
// milliseconds only, and those of a busy loop fire late.
function announce({ beginMs, rate, count }) {
  const never = new Int32Array(new SharedArrayBuffer(4));
  for (let number = 0; number < count; number += 1) {
    const waitMs = beginMs + (number / rate) * 1000 - nowMs();
    if (waitMs > 0) Atomics.wait(never, 0, 0, waitMs);
    parentPort.postMessage(number);
  }
}

async function load(base, rate, seconds, connections, paths) {
  const { default: autocannon } = await import('autocannon');
  const warm = rate * WARM_UP_S;
  const count = warm + rate * seconds;
  const beginMs = nowMs() + 500; // All connections are there by then.
  const dueMs = (number) => beginMs + (number / rate) * 1000;

  const idle = [];
  const waiting = [];
  const asked = new Map(); // What a connection is busy with.
  const times = [];
  const late = [];
  let [open, not200, lost, lastMs] = [count, 0, 0, 0];

  const send = () => {
    while (idle.length > 0 && waiting.length > 0) {
      const [connection, number] = [idle.shift(), waiting.shift()];
      asked.set(connection, number);
      // As browsers ask.
      const headers = { 'accept-encoding': 'gzip' };
      connection.setRequests([{ path: paths[number % paths.length], headers }]);
      Object.getPrototypeOf(connection)._doRequest.call(connection);
    }
  };
  const close = (number, status) => {
    open -= 1;
    if (number >= warm) {
      lastMs = nowMs();
      times.push(lastMs - dueMs(number));
      if (status === undefined) lost += 1;
      else if (status !== 200) not200 += 1;
    }
    if (open === 0) run.stop();
  };
  // autocannon calls this where a connection is ready for its next request:
  // when it is made, after an answer, and when it was made again after a break.
  const ready = (connection) => {
    if (asked.has(connection)) {
      close(asked.get(connection));
      asked.delete(connection);
    }
    if (!idle.includes(connection)) idle.push(connection);
    send();
  };

  const run = autocannon({
    url: base,
    connections,
    duration: seconds + WARM_UP_S + 2 * GRACE_S,
    timeout: seconds + WARM_UP_S + 2 * GRACE_S,
    sampleInt: 100, // It looks this often, in ms, whether it is to stop.
    setupClient: (connection) => {
      connection._doRequest = () => ready(connection);
    },
  });
  run.on('response', (connection, status) => {
    close(asked.get(connection), status);
    asked.delete(connection);
  });
  const clock = new Worker(fileURLToPath(import.meta.url), { workerData: { beginMs, rate, count } });
  clock.on('message', (number) => {
    if (number >= warm) late.push(nowMs() - dueMs(number));
    waiting.push(number);
    send();
  });
  const patience = setTimeout(() => run.stop(), dueMs(count) + GRACE_S * 1000 - nowMs());
  await run;
  clearTimeout(patience);
  await clock.terminate();
  // Those that nobody answered until now have waited as long at least.
  for (const number of [...asked.values(), ...waiting]) close(number);

  const at = (sorted, share) => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
  times.sort((a, b) => a - b);
  late.sort((a, b) => a - b);
  return {
    p50_ms: at(times, 0.5),
    p95_ms: at(times, 0.95),
    p99_ms: at(times, 0.99),
    max_ms: times.at(-1),
    answers: times.length - lost,
    not_200: not200,
    lost,
    // From the moment at which the first was due to the last answer.
    rate: ((times.length - lost) * 1000) / (lastMs - dueMs(warm)),
    // How late this program itself was, which is in the times above.
    late_p99_ms: at(late, 0.99),
  };
}

if (isMainThread) {
  const [base, ...numbers] = process.argv.slice(2);
  const paths = readFileSync(0, 'utf8').split('\n').filter(Boolean);
  console.log(JSON.stringify(await load(base, ...numbers.map(Number), paths)));
} else {
  announce(workerData);
}
