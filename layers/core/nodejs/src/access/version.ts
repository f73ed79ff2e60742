/** The version of this Gatehouse: of the command, and of the functions. A test holds it to package.json. */
export const VERSION = '0.1.0';
