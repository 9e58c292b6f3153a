"""From these files to a running stack: bundle, template, change set, events, outputs, `.env`."""
