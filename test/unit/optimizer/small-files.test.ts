import { describe, expect, test } from "vitest";
import { checkBudget, detectSmallFiles, resolveConfig, type CompactionProposal, type FileSize } from "#optimizer";

const MB = 1_000_000;
const config = resolveConfig({ small_file_bytes: 32 * MB, small_files_min: 4, compaction_target_bytes: 128 * MB });

function files(partitionKey: string, count: number, sizeBytes: number): FileSize[] {
  return Array.from({ length: count }, () => ({ partitionKey, sizeBytes }));
}

describe("small-file detector", () => {
  test("many small files in one partition are proposed with the expected outcome", () => {
    const proposal = detectSmallFiles(
      { table: "default.events", files: [...files("a", 10, MB), ...files("a", 2, 100 * MB)] },
      config,
    );
    expect(proposal?.expected).toEqual({
      filesBefore: 12,
      filesAfter: 3,
      bytesRewritten: 10 * MB,
      fileReduction: 0.75,
    });
  });

  test("one small file a partition cannot be merged", () => {
    const lone = ["a", "b", "c", "d", "e", "f"].flatMap((key) => files(key, 1, MB));
    expect(detectSmallFiles({ table: "t", files: lone }, config)).toBeUndefined();
  });

  test("below the minimum count nothing is proposed", () => {
    expect(detectSmallFiles({ table: "t", files: files("a", 3, MB) }, config)).toBeUndefined();
    expect(detectSmallFiles({ table: "t", files: files("a", 4, MB) }, config)).toBeDefined();
  });

  test("a table without files is fine", () => {
    expect(detectSmallFiles({ table: "t", files: [] }, config)).toBeUndefined();
  });
});

function action(table: string, bytesRewritten: number, startedAtMs = 0, isOpen = false) {
  return { table, bytesRewritten, startedAtMs, isOpen };
}

describe("budget", () => {
  const proposal: CompactionProposal = {
    table: "t",
    reason: "",
    expected: { filesBefore: 10, filesAfter: 1, bytesRewritten: 100, fileReduction: 0.9 },
  };
  const limited = resolveConfig({ budget_bytes_per_day: 1000, budget_actions_per_day: 3, table_cooldown_seconds: 60 });
  const reason = (recent: ReturnType<typeof action>[], nowMs: number, settings = limited) => {
    const decision = checkBudget(proposal, recent, settings, nowMs);
    return decision.allowed ? "allowed" : decision.reason;
  };

  test("I92 the day's bytes are never exceeded", () => {
    expect(reason([action("u", 900)], 1e9)).toBe("allowed");
    expect(reason([action("u", 901)], 1e9)).toContain("budget_bytes_per_day");
  });

  test("the day's number of actions is never exceeded", () => {
    expect(reason([action("u", 1), action("v", 1)], 1e9)).toBe("allowed");
    expect(reason([action("u", 1), action("v", 1), action("w", 1)], 1e9)).toContain("budget_actions_per_day");
  });

  test("a table rests between actions and has one at a time", () => {
    expect(reason([action("t", 1, 0)], 59_999)).toContain("cooldown");
    expect(reason([action("t", 1, 0)], 60_000)).toBe("allowed");
    expect(reason([action("t", 1, 0, true)], 1e9)).toContain("still open");
  });

  test("C90 the kill switch stops every change", () => {
    expect(reason([], 1e9, resolveConfig({ enabled: false }))).toContain("disabled");
  });
});
