/** Folders in which every source's own name stands somewhere. */

/** Stands for the source's name. */
export const NAME = '\0';
/** Where builders write unless `output_directory` says otherwise. */
export const USUAL_FOLDER = `output-${NAME}`;
