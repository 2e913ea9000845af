import { formatProvided, type Provides } from "./capabilities.ts";

/** Devices that two pools of one machine offer, each to jobs of its own. */
export interface SharedDevices {
  name: string;
  devices: readonly string[];
}

export function sharedDevices(a: Provides, b: Provides): SharedDevices[] {
  return Object.entries(a).flatMap(([name, own]) => {
    const other = Object.hasOwn(b, name) ? b[name] : undefined;
    if (typeof own !== "object" || typeof other !== "object") return [];
    const devices = own.filter((device) => other.includes(device));
    return devices.length === 0 ? [] : [{ name, devices }];
  });
}

/** As in `gpu=0,1`. */
export const devicesText = ({ name, devices }: SharedDevices): string =>
  formatProvided(name, devices);

/** The options with which two pools divide the devices: half of them for each. */
export function dividedText({ name, devices }: SharedDevices): string {
  const half = Math.ceil(devices.length / 2);
  const parts = [devices.slice(0, half), devices.slice(half)].map((part) =>
    part.length === 0 ? `${name}=none` : formatProvided(name, part),
  );
  return parts.map((part) => `--resource ${part}`).join(" and ");
}
