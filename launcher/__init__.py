"""The one door for people: installs, starts and stops everything."""
