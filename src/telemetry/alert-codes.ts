// Alerts that Firn raises. Each code names its runbook, runbooks/<code>.md.

/** How urgent an alert is: `page` needs a person now, `ticket` in working hours. */
export type AlertSeverity = "page" | "ticket";

/** What an alert code means. */
interface AlertCodeEntry {
  readonly severity: AlertSeverity;
  readonly summary: string;
}

/** The closed table of alert codes. Codes are stable: webhooks and dashboards key on them. */
export const ALERT_CODES = {
  QueryPerformanceDegradation: {
    severity: "page",
    summary: "The p95 latency of a query pattern is more than twice its baseline.",
  },
  TooManySmallFiles: {
    severity: "ticket",
    summary: "A table has many files far below the target size and the optimizer may not merge them.",
  },
} as const satisfies Record<string, AlertCodeEntry>;

/** A stable alert code, a key of {@link ALERT_CODES}. */
export type AlertCode = keyof typeof ALERT_CODES;

/** Whether a string is one of the alert codes. */
export function isAlertCode(value: string): value is AlertCode {
  return Object.hasOwn(ALERT_CODES, value);
}

/** The runbook of an alert, as a path in the repository. */
export function alertRunbook(code: AlertCode): string {
  return `runbooks/${code}.md`;
}
