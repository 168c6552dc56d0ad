/** What somebody gets whose process was killed. */

export const never: Promise<never> = new Promise<never>(() => {});
