// An honest client of a service: `node honest.mjs SERVICE PORT TARGET PIDS [HEADER]`. It makes one exchange after the other,
// each on a connection of its own that begins with the header, and prints how many milliseconds each took, or "error" and
// why. A process of its own: the time that its attackers take on their side is not counted, nor is the time in which this
// client, the service or a relay's target (PIDS) stood still. Of an exchange that failed while this client itself stood
// still it prints nothing: a service has bounds for clients that say nothing.
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { ServiceTime } from "./servicetime.mjs";

const [service, port, target, pids, header = ""] = process.argv.slice(2);
/** No attacker has this address, nor those of member(). */
const ADDRESS = "127.9.9.9";
const PATIENCE_MS = 20_000;
/** A client that stands still for so long may have met a bound of the service by its own fault. */
const ABSENT_MS = 500;
/**
 * Between two exchanges. An address has 28,232 ports, each of which rests for a minute after the connection that its client
 * has closed: without a pause a fast machine has none left.
 */
const PAUSE_MS = 5;

let count = 0;

/** Each connects, and resolves when the service has done what it is for. */
const EXCHANGES = {
  chat: async (talk) => {
    const name = `honest${count}`;
    await talk.until("What is your name?");
    talk.say(`${name}\r\n`);
    await talk.until(`Hello, ${name}`);
  },
  chargen: (talk) => talk.until("\n"),
  daytime: (talk) => talk.end(),
  discard: (talk) => {
    talk.say("for the bin");
    talk.finish();
    return talk.end();
  },
  echo: async (talk) => {
    talk.say(`ping ${count}`);
    await talk.until(`ping ${count}`);
  },
  portforward: async (talk) => {
    talk.say(`ping ${count}`);
    await talk.until(`ping ${count}`);
  },
  qotd: (talk) => talk.end(),
  // By default the service refuses to connect to this machine: the refusal is its answer.
  socks: async (talk) => {
    talk.say(Buffer.from([4, 1, Number(target) >> 8, Number(target) & 255, 127, 0, 0, 1, 0]));
    await talk.until("\0[");
  },
  time: (talk) => talk.end(),
};

class Talk {
  #socket;
  #text = "";
  #ended = false;
  #error = null;
  #look = () => {};

  constructor(socket) {
    this.#socket = socket;
    socket.setEncoding("latin1").on("data", (text) => {
      this.#text += text;
      this.#look();
    });
    socket.on("end", () => {
      this.#ended = true;
      this.#look();
    });
    socket.on("error", (error) => {
      this.#error = error;
      this.#look();
    });
    socket.on("close", () => {
      this.#ended = true;
      this.#look();
    });
  }

  say(data) {
    this.#socket.write(data);
  }
  finish() {
    this.#socket.end();
  }
  until(text) {
    return this.#wait(() => this.#text.includes(text));
  }
  end() {
    return this.#wait(() => this.#ended);
  }

  #wait(done) {
    return new Promise((resolve, reject) => {
      this.#look = () => {
        if (done()) resolve();
        else if (this.#error !== null) reject(this.#error);
        else if (this.#ended) reject(new Error(`it ended after ${JSON.stringify(this.#text.slice(0, 200))}`));
      };
      this.#look();
    });
  }
}

/** Another address for each exchange: a member of a chat who comes and goes all the time is not an honest one. */
function member() {
  return `127.8.${(count >> 8) & 255}.${count & 255}`;
}

const time = new ServiceTime(pids.split(",").map(Number));

for (;;) {
  count++;
  time.absent = 0;
  const began = time.look();
  const socket = connect({
    port: Number(port),
    host: "127.0.0.1",
    localAddress: service === "chat" ? member() : ADDRESS,
    allowHalfOpen: true,
  });
  const late = setInterval(() => {
    if (time.ms - began > PATIENCE_MS) socket.destroy(new Error(`there was no answer in ${PATIENCE_MS} ms`));
  }, 100);
  let said;
  try {
    if (header !== "") socket.write(header);
    await EXCHANGES[service](new Talk(socket));
    said = `${Math.ceil(time.look() - began)}`;
  } catch (error) {
    time.look();
    said = time.absent < ABSENT_MS ? `error ${error.message}` : null;
  }
  clearInterval(late);
  socket.destroy();
  // Not before the reader has taken it: this process ends with the test, whose pipe is then gone.
  if (said !== null) await new Promise((resolve) => process.stdout.write(`${said}\n`, resolve));
  await sleep(PAUSE_MS);
}
