// What Firn tells its operators: log lines, metrics and alerts.

export { ALERT_CODES, alertRunbook, isAlertCode, type AlertCode, type AlertSeverity } from "./alert-codes.ts";
export {
  LOG_EVENTS,
  createConsoleSink,
  createMemorySink,
  errorToLogFields,
  logEvent,
  type LogEvent,
  type LogEventName,
  type LogLevel,
  type LogSink,
} from "./log.ts";
export {
  LATENCY_BOUNDS_SECONDS,
  createMetricRegistry,
  type Counter,
  type Histogram,
  type MetricDefinition,
  type MetricRegistry,
} from "./metrics.ts";
export {
  PROMETHEUS_CONTENT_TYPE,
  renderPrometheus,
  type MetricFamily,
  type MetricKind,
  type MetricLabels,
  type MetricSample,
} from "./prometheus.ts";
