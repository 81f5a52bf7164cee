import { describe, expect, test } from "vitest";
import { LakeError } from "#core";
import { OPTIMIZER_SETTINGS, patchOverrides, resolveConfig } from "#optimizer";

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof LakeError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "no error";
}

describe("configuration", () => {
  test("defaults hold until overridden, and a null patch restores them", () => {
    const overridden = patchOverrides({}, { alert_factor: 3, enabled: false });
    expect(resolveConfig(overridden)).toMatchObject({ alert_factor: 3, enabled: false, min_samples: 20 });
    expect(patchOverrides(overridden, { alert_factor: null })).toEqual({ enabled: false });
  });

  test("every default is within its own bounds", () => {
    const outcomes = Object.entries(OPTIMIZER_SETTINGS).map(([name, { defaultValue }]) =>
      codeOf(() => patchOverrides({}, { [name]: defaultValue })),
    );
    expect(new Set(outcomes)).toEqual(new Set(["no error"]));
  });

  test.each([
    [{ alert_facter: 3 }, "invalid_option: There is no setting alert_facter; did you mean alert_factor?"],
    [{ alert_factor: "3" }, "invalid_option: alert_factor must be a number."],
    [{ enabled: 1 }, "invalid_option: enabled must be a boolean."],
    [{ alert_factor: 0.5 }, "invalid_option: alert_factor must be at least 1."],
    [{ min_samples: 1e9 }, "invalid_option: min_samples must be at most 100000."],
    [{ min_samples: Number.NaN }, "invalid_option: min_samples must be a finite number."],
    [
      { resolve_factor: 2.5 },
      "invalid_option: resolve_factor must not exceed alert_factor: an alert would resolve while it is raised.",
    ],
    [[1], "invalid_request: The configuration patch must be a JSON object of settings."],
    [{ __proto__: null, constructor: 1 }, "invalid_option: There is no setting constructor"],
  ])("refuses %j", (patch, expected) => {
    expect(codeOf(() => patchOverrides({}, patch))).toBe(expected);
  });
});
