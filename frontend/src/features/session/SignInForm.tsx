/** Name, password, and in words what is wrong with them. */

import { Alert, Button, PasswordInput, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { IconAlertCircle } from "@tabler/icons-react";

import { useSignIn } from "@/api/auth";
import { errorMessage } from "@/app/notify";
import { words } from "@/words";

import classes from "./SignInForm.module.css";

const required = (value: string) => (value ? null : words.session.missing);

export function SignInForm() {
  const signIn = useSignIn();
  const form = useForm({
    initialValues: { username: "", password: "" },
    validate: { username: required, password: required },
  });
  return (
    <form className={classes.root} onSubmit={form.onSubmit((values) => signIn.mutate(values))} noValidate>
      {signIn.isError && (
        <Alert color="red" icon={<IconAlertCircle />} role="alert">
          {errorMessage(signIn.error)}
        </Alert>
      )}
      <TextInput
        label={words.session.username}
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        size="md"
        data-autofocus
        {...form.getInputProps("username")}
      />
      <PasswordInput
        label={words.session.password}
        autoComplete="current-password"
        size="md"
        {...form.getInputProps("password")}
      />
      <Button type="submit" size="md" fullWidth loading={signIn.isPending} mt={4}>
        {words.session.submit}
      </Button>
    </form>
  );
}
