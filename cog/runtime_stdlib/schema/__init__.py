"""What a model looks like, as data: Spec, how it is read, and the OpenAPI document made of it."""
