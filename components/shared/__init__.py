"""What more than one stage must agree on: config, table schema, artifact layout, device, errors, reports."""
