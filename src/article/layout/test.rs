use super::*;

fn sizes(text: &str) -> Vec<usize> {
    blocks(text).iter().map(Vec::len).collect()
}

const WRAPPED: &str = "\
Le président russe et le président iranien se sont entretenus à Moscou
avant la signature de l'accord de partenariat stratégique global, qui
comprend le renforcement des liens bilatéraux en matière de défense. Le
Kremlin n'a pas répondu.";

#[test]
fn a_hard_wrapped_paragraph_is_one_block() {
    assert_eq!(sizes(WRAPPED), [4]);
    assert_eq!(sizes(&WRAPPED.replace('\n', "\r\n")), [4]);
    let indented = format!("    {}", WRAPPED.replace('\n', "\n    "));
    assert_eq!(sizes(&indented), [4]);
}

#[test]
fn wrapped_paragraphs_end_at_a_blank_or_a_short_line() {
    assert_eq!(sizes(&format!("{WRAPPED}\n\n{WRAPPED}\n")), [4, 4]);
    assert_eq!(sizes(&format!("{WRAPPED}\n{WRAPPED}")), [4, 4]);
    assert_eq!(sizes(&format!("{WRAPPED}\n\nSource : AFP\n")), [4, 1]);
    let source = format!("Source : https://exemple.fr/{}", "a".repeat(80));
    assert_eq!(sizes(&format!("{WRAPPED}\n{source}\n")), [4, 1]);
}

#[test]
fn two_lines_are_joined_if_the_first_breaks_off() {
    let text = "Le président russe et le président iranien se sont entretenus à Moscou\navant la signature.";
    assert_eq!(sizes(text), [2]);
    assert_eq!(sizes("Le Kremlin n'a pas répondu.\nIl se tait."), [1, 1]);
}

#[test]
fn verse_lists_addresses_and_dialogues_are_not_joined() {
    let table = [
        "Mignonne, allons voir si la rose\nQui ce matin avoit desclose\nSa robe de pourpre au Soleil,\nA point perdu",
        "Demain, dès l'aube, à l'heure où blanchit la campagne,\nJe partirai. Vois-tu, je sais que tu m'attends.\n\
         J'irai par la forêt, j'irai par la montagne.\nJe ne puis demeurer loin de toi plus longtemps.",
        "- une pomme rouge et bien mûre pour le dessert\n- une poire jaune et bien mûre pour le goûter\n- du pain",
        "1. premier point de la liste, assez long pour la colonne\n2. deuxième point de la liste, assez long pour elle\n3. fin",
        "Ministère de la Culture\n182, rue Saint-Honoré\n75001 Paris",
        "— Tu viens avec nous demain matin à la montagne ?\n— Non, je reste ici, je suis bien trop fatigué.\n— Ah.",
        "Un titre sans point final\nUn premier paragraphe qui finit par un point.\nUn second, qui finit aussi par un point.",
    ];
    for text in table {
        assert_eq!(sizes(text), vec![1; text.lines().count()], "{text}");
    }
}

#[test]
fn a_line_may_go_on_with_a_title_an_aside_or_a_number() {
    let text = "Les autorités ont confirmé que la décision avait été prise par\n\
                M. Martin et par ses collègues, ce que la préfecture de police\n\
                – pourtant sur place – a refusé de commenter, d’après Europe\n\
                1. Le ministre se tait.";
    assert_eq!(sizes(text), [4]);
}

#[test]
fn a_paragraph_a_line_stays_a_paragraph_a_line() {
    let line = "mot ".repeat(100);
    assert_eq!(sizes(&format!("{line}\n{line}\n{line}")), [1, 1, 1]);
}

#[test]
fn blank_lines_make_no_block() {
    assert_eq!(
        sizes("\n \n\u{FEFF}\t\r\n\r\na\r\rb\u{0C}c\u{2029}"),
        [1, 1, 1]
    );
    assert!(blocks("").is_empty());
}
