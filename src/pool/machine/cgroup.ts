import { dirname, join } from "node:path";

/**
 * The files of a controller in the cgroups of a process, and in those around them, innermost first.
 * `cgroups` is the content of /proc/self/cgroup; `v1` is null for a file that only version 2 has.
 */
export function cgroupFiles(
  cgroups: string,
  controller: string,
  { v2, v1 }: { v2: readonly string[]; v1: string | null },
): string[] {
  return cgroups.split("\n").flatMap((line) => {
    const [, controllers = "", path = "/"] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (line.startsWith("0::")) {
      return upwards(path).flatMap((folder) =>
        v2.map((file) => join("/sys/fs/cgroup", folder, file)),
      );
    }
    if (v1 === null || !controllers.split(",").includes(controller)) return [];
    return upwards(path).map((folder) => join("/sys/fs/cgroup", controller, folder, v1));
  });
}

/** A folder and those around it; inside of a container the last one, "/", is our own. */
function upwards(path: string): string[] {
  const folder = join("/", path);
  return folder === "/" ? ["/"] : [folder, ...upwards(dirname(folder))];
}
