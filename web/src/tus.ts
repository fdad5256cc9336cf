// The transfer by tus-js-client.

import { DetailedError, Upload } from "tus-js-client";
import type { Failure, Job, Transfer } from "./transfer";

/** A part: small enough that a server which spools bodies loses little when one breaks off. */
const CHUNK_BYTES = 8 * 2 ** 20;
const DELAYS = [0, 1000, 2000, 4000, 8000, 15000, 30000];

export function start(job: Job): Transfer {
  let token = "";
  const upload = new Upload(job.file, {
    endpoint: job.endpoint,
    uploadUrl: job.url || null,
    chunkSize: CHUNK_BYTES,
    retryDelays: DELAYS,
    storeFingerprintForResuming: false, // the element keeps the address, with the row it belongs to
    metadata: { filename: job.file.name, filetype: job.file.type, policy: job.policy },
    onBeforeRequest: (request) => {
      for (const [name, value] of Object.entries(job.headers())) request.setHeader(name, value);
    },
    onAfterResponse: (_request, answer) => {
      token = answer.getHeader("Greenroom-Token") ?? token;
    },
    onUploadUrlAvailable: () => job.onUrl(upload.url ?? ""),
    onProgress: (sent) => job.onProgress(sent),
    onShouldRetry: (error) => {
      const status = "originalResponse" in error ? error.originalResponse?.getStatus() ?? 0 : 0;
      const again = navigator.onLine && (status < 400 || status === 409 || status === 423 || status >= 500)
        && status !== 507;
      if (again) job.onRetry();
      return again;
    },
    onSuccess: () => job.onDone(token),
    onError: (error) => job.onFailure(failureOf(error)),
  });
  upload.start();
  return {
    pause: () => upload.abort(),
    cancel: () => upload.abort(true),
  };
}

function failureOf(error: Error): Failure {
  const answer = error instanceof DetailedError ? error.originalResponse : null;
  const status = answer?.getStatus() ?? 0;
  let problem: { code?: string; detail?: string } = {};
  try {
    problem = JSON.parse(answer?.getBody() || "{}");
  } catch {
    // not from Greenroom: a proxy's page
  }
  const refused = status >= 400 && status < 500 && ![408, 409, 423, 429].includes(status);
  return { code: problem.code ?? "", detail: problem.detail ?? "", refused };
}
