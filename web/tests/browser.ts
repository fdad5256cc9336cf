// What every browser has and Node 18 keeps in modules.
import { File } from "node:buffer";
import { webcrypto } from "node:crypto";

globalThis.File ??= File as unknown as typeof globalThis.File;
globalThis.crypto ??= webcrypto as Crypto;
