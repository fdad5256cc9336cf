// Sends one file with tus-js-client: aborts once on the way, goes on, prints what happened.
import { createReadStream, statSync } from "node:fs";
import { PassThrough } from "node:stream";
import * as tus from "tus-js-client";

const task = JSON.parse(process.argv[2]);
const chunkSize = 2_000_000;
const deferred = task.mode === "deferred";
let paused = 0;

async function send(uploadUrl) {
  const file = createReadStream(task.file);
  return await new Promise((resolve, reject) => {
    // Of a stream without a path nobody knows the length, nor can it be wound back.
    const source = deferred ? file.pipe(new PassThrough()) : file;
    const upload = new tus.Upload(source, {
      endpoint: task.endpoint,
      uploadUrl,
      chunkSize,
      headers: task.headers,
      metadata: task.metadata,
      retryDelays: [0, 200, 1000],
      uploadDataDuringCreation: task.mode === "during-creation",
      uploadLengthDeferred: deferred,
      uploadSize: deferred ? null : statSync(task.file).size,
      overridePatchMethod: task.mode === "override",
      onError: reject,
      onSuccess: () => resolve({ url: upload.url, paused }),
      onChunkComplete: async (_chunk, accepted) => {
        if (paused || accepted < chunkSize) {
          return;
        }
        paused += 1;
        await upload.abort();
        if (deferred) {
          upload.start(); // asks with HEAD, and goes on with the same stream
        } else {
          resolve({ url: upload.url, paused, more: true });
        }
      },
    });
    upload.start();
  });
}

let result = await send(null);
while (result.more) {
  result = await send(result.url); // a new one, as after a reload
}
console.log(JSON.stringify(result));
process.exit(0);
