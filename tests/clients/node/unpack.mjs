// Unpacks Chromium into TMPDIR, where visit.mjs finds it.
import sparticuz from "@sparticuz/chromium";

console.log(await sparticuz.executablePath());
