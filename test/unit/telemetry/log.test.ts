import { expect, test } from "vitest";
import { LakeError } from "#core";
import { ALERT_CODES, alertRunbook, createMemorySink, errorToLogFields, isAlertCode, logEvent } from "#telemetry";
import type { LogLevel } from "#telemetry";

function capture(): { lines: [LogLevel, string][]; write(level: LogLevel, line: string): void } {
  const lines: [LogLevel, string][] = [];
  return { lines, write: (level, line) => void lines.push([level, line]) };
}

test("an operation is one line that starts with its event, whatever its fields hold", () => {
  const sink = capture();
  logEvent(sink, { event: "query_latency", latency: 12.5, query_text: "SELECT 1\n-- two\nlines", snapshot: 2n ** 60n });
  expect(sink.lines).toEqual([
    [
      "info",
      '{"event":"query_latency","level":"info","latency":12.5,"query_text":"SELECT 1\\n-- two\\nlines","snapshot":1152921504606846976}',
    ],
  ]);
});

test("secrets are redacted and long strings are cut without splitting a character", () => {
  const sink = createMemorySink();
  logEvent(sink, {
    event: "http_request",
    authorization: "Bearer abc",
    admin_token: "abc",
    tokens_used: 3,
    query_text: `${"x".repeat(4095)}😀tail`,
  });
  const [event] = sink.events;
  expect(event).toMatchObject({ authorization: "[redacted]", admin_token: "[redacted]", tokens_used: 3 });
  const text = String(event?.["query_text"]);
  expect(text.isWellFormed()).toBe(true);
  expect(text.length).toBe(4097);
});

test("the level chooses the console stream and undefined fields are left out", () => {
  const sink = capture();
  logEvent(sink, { event: "internal_error", level: "error", cause: undefined });
  expect(sink.lines).toEqual([["error", '{"event":"internal_error","level":"error"}']]);
});

test("an error's internals are log fields", () => {
  const error = new LakeError("storage_unavailable", "R2 did not answer.", {
    context: { key: "a/b" },
    cause: new Error("timeout"),
  });
  expect(errorToLogFields(error)).toMatchObject({
    error: "R2 did not answer.",
    error_code: "storage_unavailable",
    error_context: { key: "a/b" },
    cause: "timeout",
  });
  expect(errorToLogFields("text")).toEqual({ error: "text" });
});

test("a field that JSON refuses does not end the operation", () => {
  const sink = createMemorySink();
  const circular: Record<string, unknown> = {};
  circular["self"] = circular;
  logEvent(sink, { event: "internal_error", request_id: "r1", context: circular });
  expect(sink.events).toEqual([
    { event: "internal_error", level: "info", request_id: "r1", context: "[not loggable]" },
  ]);
});

test("every alert code names its runbook", () => {
  expect(Object.keys(ALERT_CODES).every(isAlertCode)).toBe(true);
  expect(Object.keys(ALERT_CODES).filter(isAlertCode).map(alertRunbook)).toContain(
    "runbooks/QueryPerformanceDegradation.md",
  );
  expect(isAlertCode("toString")).toBe(false);
});
