import { describe, expect, it } from "vitest";

import { Sha256 } from "@/api/sha256";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

function someBytes(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8) * 17) & 0xff);
}

async function reference(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

describe("SHA-256", () => {
  // FIPS 180-4, examples; the empty message.
  it.each([
    ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    [
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ],
  ])("of %j", (text, hex) => {
    expect(new Sha256().update(bytesOf(text)).hex()).toBe(hex);
  });

  it.each([1, 55, 56, 63, 64, 65, 127, 128, 1000, 100_003])(
    "agrees with the platform on %i bytes",
    async (length) => {
      const bytes = someBytes(length);
      expect(new Sha256().update(bytes).hex()).toBe(await reference(bytes));
    },
  );

  it.each([1, 7, 63, 64, 65, 1024])("is the same in pieces of %i", async (piece) => {
    const bytes = someBytes(5000);
    const digest = new Sha256();
    for (let at = 0; at < bytes.length; at += piece) digest.update(bytes.subarray(at, at + piece));
    expect(digest.hex()).toBe(await reference(bytes));
  });
});
