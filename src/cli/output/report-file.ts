import { accessSync, closeSync, constants, openSync, rmSync, statSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";

import { exitCodes, InvalidInput, messageOf, PdoflowError } from "../../domain/errors.ts";

/** Without the failed call and its path, which is that of a draft. */
const withoutPath = (message: string): string => message.replace(/, \w+ '.*$/s, "");

const endings = ["", ".html", ".htm", ".json"];

/** The file of a report can't be written. */
export class ReportUnwritable extends PdoflowError {
  override readonly name = "ReportUnwritable";
  readonly exitCode = exitCodes.output;
  constructor(path: string, error: unknown) {
    super(
      `expected a file that can be written for the report, found ${path}: ` +
        `${withoutPath(messageOf(error))}. ` +
        "Name another file, or create its folder.",
    );
  }
}

/**
 * A file that is written as a whole: until its text is complete, the file that was there stays.
 * Whether it can be written is known before.
 */
export class ReportFile {
  readonly path: string;
  readonly isJson: boolean;
  /** Devices and pipes are written, not replaced. */
  readonly #isReplaced: boolean;

  /**
   * @throws {InvalidInput} its ending is of another format.
   * @throws {ReportUnwritable}
   */
  constructor(cwd: string, name: string) {
    const ending = extname(name).toLowerCase();
    if (!endings.includes(ending)) {
      throw new InvalidInput("report", [
        `expected a file that ends in .html or .json, found "${name}"`,
      ]);
    }
    this.path = resolve(cwd, name);
    this.isJson = /\.json$/i.test(name);
    try {
      const found = statSync(this.path, { throwIfNoEntry: false });
      if (found?.isDirectory() === true) throw new Error("it is a folder");
      this.#isReplaced = found === undefined || found.isFile();
      if (!this.#isReplaced) {
        accessSync(this.path, constants.W_OK);
        return;
      }
      // Rights alone do not say it: the file system may be read-only or full.
      const draft = this.#draftPath;
      closeSync(openSync(draft, "w"));
      rmSync(draft);
    } catch (error) {
      throw new ReportUnwritable(this.path, error);
    }
  }

  get #draftPath(): string {
    return join(dirname(this.path), `.${basename(this.path)}.${process.pid}.draft`);
  }

  /** @throws {ReportUnwritable} */
  async write(text: string): Promise<void> {
    try {
      if (!this.#isReplaced) return await writeFile(this.path, text);
      const draft = this.#draftPath;
      try {
        await writeFile(draft, text, { flush: true });
        await rename(draft, this.path);
      } catch (error) {
        rmSync(draft, { force: true });
        throw error;
      }
    } catch (error) {
      throw new ReportUnwritable(this.path, error);
    }
  }
}
