/** A build that cannot be made, with a message for the person who started it. */
export class BuildFailed extends Error {
  override readonly name = "BuildFailed";
}
