// Swagger UI on docs: its files come from this server, and it asks no other. Relative: the server may lie below a prefix.
/* global SwaggerUIBundle */
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#routes",
  deepLinking: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
