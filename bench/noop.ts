/** The job of the bench: it does nothing with its three small arguments. */
export function noop(_number: number, _float: number, _name: string): void {}
