/** TLS with other people's programs: curl, gnutls-cli, and stunnel, nginx and haproxy in front of a server of ours. */
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import type { TLSTransport } from "../../src/internet/interfaces.ts";
import { Protocol } from "../../src/internet/protocol.ts";
import { Certificate } from "../../src/internet/tls/certificate.ts";
import { CertificateOptions, type CertificateOptionsInit } from "../../src/internet/tls/options.ts";
import { freePort } from "../helpers/freeport.ts";
import { accepting, building, need, scratch, testReactor } from "../helpers/interop.ts";
import { Peer } from "../helpers/peer.ts";
import { certify, rootAuthority } from "../helpers/pki.ts";
import { Program } from "../helpers/program.ts";
import { SecureEcho, SecureRecorder, serveTLS } from "../helpers/tls.ts";

const reactor = testReactor();
const root = rootAuthority();
const certificate = certify(root, ["localhost", "127.0.0.1"]);
const ofProxy = certify(root, [], { subject: { commonName: "proxy" }, uses: ["client"] });

/** Answers an HTTP request with what was agreed on its connection, and whose certificate the client has. */
class Telling extends Protocol {
  #request = "";
  override dataReceived(data: Buffer): void {
    this.#request += data;
    if (!this.#request.includes("\r\n\r\n")) return;
    const transport = this.transport as TLSTransport;
    const { version, protocol, serverName } = transport.getTLSInfo()!;
    const [own] = transport.getPeerCertificateChain();
    const who = own === undefined ? "nobody" : new Certificate(own).getSubject().commonName;
    const told = `${version} ${protocol} ${serverName} ${who}`;
    transport.write(`HTTP/1.1 200 OK\r\nContent-Length: ${told.length}\r\nConnection: close\r\n\r\n${told}`);
    transport.loseConnection();
  }
}

function serveHTTPS(options: CertificateOptionsInit = {}): number {
  const factory = building(() => new Telling());
  const context = new CertificateOptions({ certificate, ...options });
  return reactor().listenSSL(0, factory, context, { interface: "127.0.0.1" }).getHost().port;
}

function files() {
  const folder = scratch();
  const file = (name: string, data: string | Buffer) => {
    writeFileSync(join(folder, name), data);
    return join(folder, name);
  };
  return {
    folder,
    file,
    ca: file("ca.pem", root.dumpPEM()),
    server: file("server.pem", Buffer.concat([certificate.privateKey.dump("PEM"), Buffer.from(certificate.dumpPEM())])),
    client: file("client.pem", Buffer.concat([ofProxy.privateKey.dump("PEM"), Buffer.from(ofProxy.dumpPEM())])),
  };
}

describe("curl", () => {
  const curl = (...args: string[]) =>
    promisify(execFile)(need("curl"), ["--silent", "--show-error", "--noproxy", "*", ...args]);

  it.each([
    ["--tlsv1.3", "TLSv1.3"],
    ["--tls-max", "TLSv1.2"],
  ])("fetches a page from our server with %s", async (flag, version) => {
    const args = flag === "--tls-max" ? ["--tls-max", "1.2"] : [flag];
    const port = serveHTTPS({ acceptableProtocols: ["http/1.1"] });
    const { stdout } = await curl("--cacert", files().ca, ...args, `https://localhost:${port}/`);
    expect(stdout).toBe(`${version} http/1.1 localhost nobody`);
  });

  it("announces no name for an address, and sends its certificate", async () => {
    const { ca, client } = files();
    const port = serveHTTPS({ trustRoot: root });
    const { stdout } = await curl("--cacert", ca, "--cert", client, `https://127.0.0.1:${port}/`);
    expect(stdout).toBe("TLSv1.3 null  proxy");
  });

  it("refuses a server that it does not trust, and tells it", async () => {
    const { port, next } = serveTLS(reactor(), { certificate }, () => new SecureRecorder());
    await expect(curl(`https://localhost:${port}/`)).rejects.toMatchObject({ code: 60 });
    expect(await (await next()).lossError()).toMatchObject({ code: "ERR_TLS_ALERT", alertReceived: "unknown_ca" });
  });

  it("is refused without a certificate, and told so", async () => {
    const port = serveHTTPS({ trustRoot: root });
    await expect(curl("--cacert", files().ca, `https://localhost:${port}/`)).rejects.toMatchObject({
      stderr: expect.stringMatching(/alert certificate required/),
    });
  });
});

describe("gnutls-cli", () => {
  it.each(["1.2", "1.3"])("talks TLS %s with our server", async (version) => {
    const { ca, client } = files();
    const { port, next } = serveTLS(reactor(), { certificate, trustRoot: root }, () => new SecureEcho());
    const peer = new Program(need("gnutls-cli", "gnutls-bin"), [
      ...["--x509cafile", ca, "--x509certfile", client, "--x509keyfile", client],
      ...["--priority", `NORMAL:-VERS-ALL:+VERS-TLS${version}`, "--port", String(port), "localhost"],
    ]);
    await peer.until(/Handshake was completed/);
    peer.type("there and back\n");
    await peer.until(/there and back/);
    expect(await (await next()).shaken.promise).toMatchObject({ version: `TLSv${version}`, serverName: "localhost" });
  });
});

describe("a program in front of our server speaks TLS with it", () => {
  it("stunnel", async () => {
    const { ca, client, file } = files();
    const back = serveHTTPS({ trustRoot: root });
    const front = await freePort();
    const config = file(
      "stunnel.conf",
      `foreground = yes\npid =\nsyslog = no\n[ours]\nclient = yes\naccept = 127.0.0.1:${front}\nconnect = 127.0.0.1:${back}\n` +
        `CAfile = ${ca}\nverifyChain = yes\ncheckHost = localhost\nsni = localhost\ncert = ${client}\n`,
    );
    const stunnel = new Program(need("stunnel", "stunnel4"), [config]);
    await accepting(front, stunnel);
    expect(await get(front)).toBe("TLSv1.3 null localhost proxy");
  });

  it("haproxy", async () => {
    const { ca, client, file } = files();
    const back = serveHTTPS({ trustRoot: root, acceptableProtocols: ["http/1.1"] });
    const front = await freePort();
    const config = file(
      "haproxy.cfg",
      "defaults\n  mode http\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n" +
        `listen front\n  bind 127.0.0.1:${front}\n` +
        `  server ours 127.0.0.1:${back} ssl verify required ca-file ${ca} crt ${client} sni str(localhost) alpn http/1.1\n`,
    );
    const haproxy = new Program(need("haproxy"), ["-db", "-f", config]);
    await accepting(front, haproxy);
    expect(await get(front)).toBe("TLSv1.3 http/1.1 localhost proxy");
  });

  it("nginx", async () => {
    const { ca, client, file, folder } = files();
    const back = serveHTTPS({ trustRoot: root });
    const front = await freePort();
    mkdirSync(join(folder, "temp"));
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    const config = file(
      "nginx.conf",
      `daemon off; master_process off; pid ${folder}/pid; error_log stderr warn; events {}\nhttp { access_log off;\n` +
        temporary.map((name) => `${name}_temp_path ${folder}/temp/${name};\n`).join("") +
        `server { listen 127.0.0.1:${front}; location / { proxy_pass https://127.0.0.1:${back}; proxy_ssl_verify on;\n` +
        `proxy_ssl_trusted_certificate ${ca}; proxy_ssl_certificate ${client}; proxy_ssl_certificate_key ${client};\n` +
        "proxy_ssl_name localhost; proxy_ssl_server_name on; proxy_ssl_protocols TLSv1.2 TLSv1.3; } } }\n",
    );
    const nginx = new Program(need("nginx", "nginx-light"), ["-p", folder, "-c", config]);
    await accepting(front, nginx);
    expect(await get(front)).toMatch(/^TLSv1\.[23] null localhost proxy$/);
  });
});

/** Through a front that speaks plain HTTP. */
async function get(port: number): Promise<string> {
  const client = await Peer.connect(port);
  client.write("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  const answer = await client.rest();
  await client.close();
  return answer.slice(answer.indexOf("\r\n\r\n") + 4);
}
