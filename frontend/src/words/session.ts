/** Texts: session. */

export const session = {
  title: "Sign in",
  username: "User name",
  password: "Password",
  submit: "Sign in",
  signOut: "Sign out",
  signedInAs: (name: string) => `Signed in as ${name}`,
  missing: "Please fill this in.",
  help: "No account yet, or the password forgotten? The admin of your study adds people and gives them a password.",
} as const;
