/** `keten serve`: a keychain on a data directory, with its HTTP API. */

import { Command, Option } from "commander";
import { pinoLog } from "../env/log.ts";
import { systemRandom } from "../env/system.ts";
import { DEFAULT_PORT, defaultDataDir, openHome } from "./compose.ts";
import { openApiKey } from "./deployment.ts";
import { UsageError } from "./failure.ts";
import {
  courierOption,
  dataOption,
  deadlineOption,
  jsonOption,
  patienceOption,
  portOption,
  requestLifeOption,
  storeOption,
  timeScaleOption,
} from "./options.ts";
import { startServer } from "./server.ts";
import { print, say } from "./terminal.ts";
import { untilTold } from "./until-told.ts";

interface ServeOptions {
  readonly data?: string;
  readonly port: number;
  readonly store?: string;
  readonly timeScale?: number;
  readonly lazy?: true;
  readonly deadline?: number;
  readonly requestLife?: number;
  readonly patience?: number;
  readonly courier?: "on" | "off";
  readonly publicUrl?: string;
  readonly json?: true;
}

function publicUrlOf(text: string): string {
  const url = URL.parse(text);
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.hash) return url.href;
  throw new UsageError('option "--public-url" is no address; expected "https://HOST"');
}

export function serveCommand(): Command {
  return new Command("serve")
    .description("keep connections alive and hand out their access tokens over HTTP")
    .addOption(dataOption())
    .addOption(portOption(DEFAULT_PORT))
    .addOption(storeOption())
    .addOption(timeScaleOption())
    .addOption(
      new Option("--lazy", "refresh when somebody asks for a token, not before the old one ends"),
    )
    .addOption(deadlineOption())
    .addOption(requestLifeOption())
    .addOption(patienceOption())
    .addOption(courierOption())
    .addOption(
      new Option(
        "--public-url <url>",
        "where consumers reach this server, if not at the address it listens at",
      ),
    )
    .addOption(jsonOption('print {"url","apiKey"} when ready'))
    .action(serve);
}

async function serve(options: ServeOptions): Promise<void> {
  const log = pinoLog();
  const told = untilTold("finishing what was sent to providers; a second signal does not cut it");
  const home = await openHome({
    dataDir: options.data ?? defaultDataDir(),
    storeUrl: options.store,
    timeScale: options.timeScale,
    mode: options.lazy ? "lazy" : "proactive",
    deadlineMs: options.deadline,
    requestLifeMs: options.requestLife,
    patienceMs: options.patience,
    publicUrl: options.publicUrl === undefined ? undefined : publicUrlOf(options.publicUrl),
    courier: options.courier === "off" ? "off" : "eager",
    log,
  });
  try {
    const apiKey = openApiKey(home.dataDir, systemRandom);
    const server = await startServer({ home, apiKey: apiKey.key, port: options.port, log });
    if (options.json) {
      await print(JSON.stringify({ url: server.url, apiKey: apiKey.key.reveal() }));
    } else {
      say(`keten serves at ${server.url}; the data is in "${home.dataDir}"`);
      say(`the API key is in "${apiKey.path}"`);
    }
    await told;
    say("keten: draining; nothing new is begun, what was sent is finished");
    await server.stop();
  } finally {
    await home.close();
  }
}
